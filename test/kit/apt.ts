// apt on an empty root of its own: it knows the indices that it is given, and nothing of this machine.

import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export function hasCommand(name: string): boolean {
  return spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
}

export interface AptAnswer {
  readonly accepted: boolean;
  /** What would be installed: `name=version`, sorted. */
  readonly installs: readonly string[];
  readonly output: string;
}

export class EmptyRoot {
  readonly #config: string;

  private constructor(config: string) {
    this.#config = config;
  }

  /**
   * @param directory Empty, for apt's state.
   * @param sources Lines of a sources.list.
   */
  static async create(
    directory: string,
    sources: readonly string[],
    architecture = "amd64",
  ): Promise<EmptyRoot> {
    const at = (path: string): string => join(directory, path);
    for (const path of ["etc", "state/lists/partial", "cache/archives/partial"])
      mkdirSync(at(path), { recursive: true });
    writeFileSync(at("state/status"), "");
    writeFileSync(at("etc/sources.list"), `${sources.join("\n")}\n`);
    const config = at("apt.conf");
    writeFileSync(
      config,
      `Dir::Etc "${at("etc/")}";
Dir::Etc::sourcelist "${at("etc/sources.list")}";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "${at("state/")}";
Dir::State::status "${at("state/status")}";
Dir::Cache "${at("cache/")}";
Dir::Log "${at("log/")}";
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Debug::NoLocking "true";
`,
    );
    const root = new EmptyRoot(config);
    await root.#aptGet(["update"]);
    return root;
  }

  #aptGet(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return run("apt-get", args, {
      env: { ...process.env, APT_CONFIG: this.#config, LC_ALL: "C" },
      maxBuffer: 1 << 26,
    });
  }

  /** What `apt-get install` would do with these names, each perhaps with `=version`. */
  async install(names: readonly string[]): Promise<AptAnswer> {
    try {
      const { stdout } = await this.#aptGet(["install", "--simulate", "--no-install-recommends", ...names]);
      const installs = [...stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)]
        .map(([, name, version]) => `${name!.replace(/:.*/, "")}=${version}`)
        .sort();
      return { accepted: true, installs, output: stdout };
    } catch (error) {
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
      return { accepted: false, installs: [], output: `${stdout}${stderr}` };
    }
  }
}
