// Emulates phpenmod and its kin: a module's ini file is linked into the conf.d of each SAPI, with its priority.
// Source: phpenmod(8), phpquery(8) and /usr/lib/php/php-maintscript-helper of php-common.

import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import type { BytePath } from "../../model/bytes.ts";
import { option, parseArguments } from "../arguments.ts";
import type { Fix, FixContext, ScriptCall } from "../fix.ts";

const DEFAULT_PRIORITY = "20";

export const fix: Fix = {
  after: [],
  create: (context) => {
    const modules = new PhpModules(context);
    return {
      helpers: ["/usr/lib/php/php-maintscript-helper"],
      commands: {
        php_invoke: (call) => modules.invoke(call),
        phpenmod: (call) => modules.run(call, true),
        phpdismod: (call) => modules.run(call, false),
        phpquery: (call) => modules.query(call),
        php_msg: () => SUCCESS,
        php_needs_action: () => FAILURE,
        php_reload: () => SUCCESS,
      },
    };
  },
};

class PhpModules {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  /** `php_invoke enmod 8.2 ALL opcache`. */
  invoke(call: ScriptCall): CommandOutcome {
    if (!call.args.every((arg) => arg.known)) return this.#skip(call);
    const [action, version, sapi, module] = call.args.map((arg) => arg.text);
    if (version === undefined || sapi === undefined || module === undefined) return FAILURE;
    return this.#change(call, version, sapi, module.split("/")[0]!, action === "enmod");
  }

  run(call: ScriptCall, enable: boolean): CommandOutcome {
    const args = parseArguments(call.args, ["-v", "-s"]);
    if (!call.args.every((arg) => arg.known)) return this.#skip(call);
    let status: number | undefined = 0;
    for (const { text } of args.operands) {
      const version = option(args, "-v")?.text ?? "ALL";
      status = this.#change(call, version, option(args, "-s")?.text ?? "ALL", text, enable).status ?? status;
    }
    return { status, output: "" };
  }

  query(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-v", "-s", "-m"]);
    if (!call.args.every((arg) => arg.known)) return UNKNOWN;
    const version = option(args, "-v")?.text;
    const lines = (names: readonly string[]): CommandOutcome => ({
      status: names.length > 0 ? 0 : 1,
      output: names.map((name) => `${name}\n`).join(""),
    });
    if (args.options.has("-V")) return lines(this.#versions());
    if (version === undefined) return FAILURE;
    if (args.options.has("-S")) return lines(this.#sapis(version));
    if (args.options.has("-M")) return lines(this.#modules(version));
    const sapi = option(args, "-s")?.text;
    const module = option(args, "-m")?.text;
    if (sapi === undefined || module === undefined) return UNKNOWN;
    const enabled = this.#context.root.names(`etc/php/${version}/${sapi}/conf.d` as BytePath);
    return enabled.some((file) => file.replace(/^\d+-/, "") === `${module}.ini`) ? SUCCESS : FAILURE;
  }

  #skip(call: ScriptCall): CommandOutcome {
    const unknown = call.args.find((arg) => !arg.known);
    this.#context.report("skip", `${call.name} at line ${call.line}: ${unknown?.text} is not known`, {
      because: call.object.id,
    });
    return UNKNOWN;
  }

  #versions(): string[] {
    return this.#context.root.names("etc/php" as BytePath).filter((name) => /^\d+\.\d+$/.test(name));
  }

  /** The ways to run PHP that are installed: each puts a file here. */
  #sapis(version: string): string[] {
    return this.#context.root.names(`usr/lib/php/${version}/sapi` as BytePath);
  }

  #modules(version: string): string[] {
    return this.#context.root
      .names(`etc/php/${version}/mods-available` as BytePath)
      .flatMap((file) => (file.endsWith(".ini") ? [file.slice(0, -".ini".length)] : []));
  }

  #change(
    call: ScriptCall,
    versions: string,
    sapis: string,
    module: string,
    enable: boolean,
  ): CommandOutcome {
    if (!/^[\w.-]+$/.test(module)) return FAILURE;
    for (const version of versions === "ALL" ? this.#versions() : [versions]) {
      const target = `/etc/php/${version}/mods-available/${module}.ini`;
      const text = this.#context.root.readText(target);
      if (text === undefined) return FAILURE;
      const priority = /^;\s*priority\s*=\s*(\d+)/m.exec(text ?? "")?.[1] ?? DEFAULT_PRIORITY;
      for (const sapi of sapis === "ALL" ? this.#sapis(version) : [sapis]) {
        const path = `etc/php/${version}/${sapi}/conf.d/${priority}-${module}.ini` as BytePath;
        if (enable) this.#link(call, path, target);
        else this.#unlink(call, path);
      }
    }
    return SUCCESS;
  }

  #link(call: ScriptCall, path: BytePath, target: string): void {
    const { root, report } = this.#context;
    const folder = path.slice(0, path.lastIndexOf("/")) as BytePath;
    // A SAPI that is not installed has no folder.
    if (root.peek(folder)?.type !== "directory" || root.get(path) !== undefined) return;
    root.makeLink(path, target);
    report("link", `to ${target}`, { path, because: call.object.id });
  }

  #unlink(call: ScriptCall, path: BytePath): void {
    const { root, report } = this.#context;
    if (!call.certain || root.get(path)?.type !== "symlink") return;
    root.remove(path);
    report("remove", call.name, { path, because: call.object.id });
  }
}
