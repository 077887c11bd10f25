// Emulates the commands that enable a part of a server's configuration: a link in an "enabled" folder to a file in
// an "available" one, with what the file says it depends on. Sources: a2enmod(8), lighty-enable-mod(1), and the
// functions of /usr/share/apache2/apache2-maintscript-helper.

import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import type { BytePath } from "../../model/bytes.ts";
import { joinPath } from "../../model/bytes.ts";
import type { CommandHandler, Fix, FixContext, ScriptCall } from "../fix.ts";

interface ModuleKind {
  readonly available: BytePath;
  readonly enabled: BytePath;
  /** The file that must be there; `*` is the module's name, `#` a number. */
  readonly file: string;
  /** Files that are linked as well when they are there. */
  readonly others: readonly string[];
}

const APACHE = "etc/apache2";
const kind = (base: string, name: string, file: string, others: readonly string[] = []): ModuleKind => ({
  available: `${base}/${name}-available` as BytePath,
  enabled: `${base}/${name}-enabled` as BytePath,
  file,
  others,
});

const APACHE_MODULE = kind(APACHE, "mods", "*.load", ["*.conf"]);
const APACHE_SITE = kind(APACHE, "sites", "*.conf");
const APACHE_CONF = kind(APACHE, "conf", "*.conf");
const LIGHTTPD_MODULE = kind("etc/lighttpd", "conf", "#-*.conf");

/** Commands whose operands are modules to enable. */
const ENABLING: Readonly<Record<string, ModuleKind>> = {
  a2enmod: APACHE_MODULE,
  a2ensite: APACHE_SITE,
  a2enconf: APACHE_CONF,
  "lighty-enable-mod": LIGHTTPD_MODULE,
  "lighttpd-enable-mod": LIGHTTPD_MODULE,
};

const DISABLING: Readonly<Record<string, ModuleKind>> = {
  a2dismod: APACHE_MODULE,
  a2dissite: APACHE_SITE,
  a2disconf: APACHE_CONF,
  "lighty-disable-mod": LIGHTTPD_MODULE,
  "lighttpd-disable-mod": LIGHTTPD_MODULE,
};

export const fix: Fix = {
  after: [],
  create: (context) => {
    const modules = new Modules(context);
    const commands: Record<string, CommandHandler> = {
      apache2_invoke: (call) => modules.invoke(call),
      apache2_switch_mpm: (call) => modules.switchProcessing(call),
      apache2_has_module: (call) => modules.hasApacheModule(call.args[0]),
      apache2_msg: () => SUCCESS,
      apache2_needs_action: () => FAILURE,
      apache2_reload: () => SUCCESS,
      a2query: (call) => modules.query(call),
    };
    for (const [name, of] of Object.entries(ENABLING)) commands[name] = (call) => modules.enableAll(call, of);
    for (const [name, of] of Object.entries(DISABLING))
      commands[name] = (call) => modules.disableAll(call, of);
    return { commands };
  },
};

class Modules {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  enableAll(call: ScriptCall, of: ModuleKind): CommandOutcome {
    let status: number | undefined = 0;
    for (const name of this.#operands(call)) {
      status = this.#enable(call, of, name, new Set()) ? status : 1;
    }
    return { status, output: "" };
  }

  disableAll(call: ScriptCall, of: ModuleKind): CommandOutcome {
    for (const name of call.certain ? this.#operands(call) : []) {
      for (const file of this.#files(of, name)) this.#disable(call, joinPath(of.enabled, file));
    }
    return SUCCESS;
  }

  /** `apache2_invoke enmod NAME`. */
  invoke(call: ScriptCall): CommandOutcome {
    const [action, ...rest] = call.args;
    const of = ENABLING[`a2${action?.text}`];
    if (of !== undefined) return this.enableAll({ ...call, args: rest.slice(0, 1) }, of);
    const off = DISABLING[`a2${action?.text}`];
    return off === undefined ? UNKNOWN : this.disableAll({ ...call, args: rest.slice(0, 1) }, off);
  }

  /** `apache2_switch_mpm prefork`: one way to process requests takes the place of another. */
  switchProcessing(call: ScriptCall): CommandOutcome {
    const name = call.args[0];
    if (name?.known !== true || !call.certain) return UNKNOWN;
    const wanted = `mpm_${name.text}`;
    const { root } = this.#context;
    if (root.peek(joinPath(APACHE_MODULE.available, `${wanted}.load`)) === undefined) return FAILURE;
    for (const file of root.names(APACHE_MODULE.enabled)) {
      if (file.startsWith("mpm_") && !file.startsWith(`${wanted}.`)) {
        this.#disable(call, joinPath(APACHE_MODULE.enabled, file));
      }
    }
    return this.#enable(call, APACHE_MODULE, wanted, new Set()) ? SUCCESS : FAILURE;
  }

  hasApacheModule(name: ScriptText | undefined): CommandOutcome {
    if (name?.known !== true) return UNKNOWN;
    const pattern = new RegExp(`^${name.text.replace(/[^\w*]/g, "\\$&").replaceAll("*", ".*")}\\.load$`);
    return this.#context.root.names(APACHE_MODULE.enabled).some((file) => pattern.test(file))
      ? SUCCESS
      : FAILURE;
  }

  /** `a2query -m [NAME]` and `a2query -M`. */
  query(call: ScriptCall): CommandOutcome {
    const words = call.args.map((arg) => arg.text);
    const enabled = this.#context.root
      .names(APACHE_MODULE.enabled)
      .flatMap((file) => (file.endsWith(".load") ? [file.slice(0, -".load".length)] : []));
    if (words.includes("-M")) {
      const processing = enabled.find((name) => name.startsWith("mpm_"));
      return processing === undefined
        ? FAILURE
        : { status: 0, output: `${processing.slice("mpm_".length)}\n` };
    }
    const asks = words.indexOf("-m");
    if (asks < 0) return UNKNOWN;
    const name = call.args[asks + 1];
    if (name !== undefined) return this.hasApacheModule(name);
    return { status: 0, output: enabled.map((one) => `${one} (enabled by maintainer script)\n`).join("") };
  }

  #operands(call: ScriptCall): string[] {
    return call.args.flatMap((arg) => {
      if (!arg.known) {
        this.#context.report("skip", `${call.name} at line ${call.line}: ${arg.text} is not known`, {
          because: call.object.id,
        });
        return [];
      }
      return arg.text.startsWith("-") || !/^[\w.-]+$/.test(arg.text)
        ? []
        : [arg.text.replace(/\.(?:load|conf)$/, "")];
    });
  }

  /** The files of a module that are available, the main one first. */
  #files(of: ModuleKind, name: string): string[] {
    const { root } = this.#context;
    return [of.file, ...of.others].flatMap((pattern) => {
      const literal = pattern.replace("*", name);
      if (!pattern.includes("#"))
        return root.peek(joinPath(of.available, literal)) === undefined ? [] : [literal];
      const suffix = literal.replace("#", "");
      return root
        .names(of.available)
        .filter((file) => file.endsWith(suffix) && /^\d+$/.test(file.slice(0, -suffix.length)));
    });
  }

  #enable(call: ScriptCall, of: ModuleKind, name: string, visiting: Set<string>): boolean {
    const files = this.#files(of, name);
    const main = files[0];
    if (main === undefined || !matches(of.file, main)) return false;
    if (visiting.has(name)) return true;
    visiting.add(name);
    const text = this.#context.root.readText(`/${joinPath(of.available, main)}`) ?? "";
    const conflict = listOf(text, "Conflicts").find((one) => this.#isEnabled(of, one));
    if (conflict !== undefined) {
      this.#context.report("skip", `${name} conflicts with ${conflict}, which is enabled`, {
        because: call.object.id,
      });
      return false;
    }
    for (const needed of listOf(text, "Depends")) {
      if (!this.#enable(call, of, needed, visiting)) return false;
    }
    for (const file of files) this.#link(call, of, file);
    return true;
  }

  #isEnabled(of: ModuleKind, name: string): boolean {
    return this.#files(of, name).some(
      (file) => this.#context.root.get(joinPath(of.enabled, file)) !== undefined,
    );
  }

  #link(call: ScriptCall, of: ModuleKind, file: string): void {
    const { root, report } = this.#context;
    const path = joinPath(of.enabled, file);
    if (root.get(path) !== undefined || root.get(joinPath(of.available, file)) === undefined) return;
    const target = `../${of.available.slice(of.available.lastIndexOf("/") + 1)}/${file}`;
    root.makeLink(path, target);
    report("link", `to ${target}`, { path, because: call.object.id });
  }

  #disable(call: ScriptCall, path: BytePath): void {
    const { root, report } = this.#context;
    if (root.get(path)?.type !== "symlink") return;
    root.remove(path);
    report("remove", call.name, { path, because: call.object.id });
  }
}

function matches(pattern: string, file: string): boolean {
  return file.endsWith(pattern.slice(pattern.lastIndexOf("*") + 1));
}

/** `# Depends: a b` at the head of a file. */
function listOf(text: string, field: string): string[] {
  const line = new RegExp(`^#\\s*${field}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
  return line.split(/[\s,]+/).filter((one) => one !== "");
}
