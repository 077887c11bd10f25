// Debian's nix-bin with a store of a test's own: a chroot store below a temporary directory; nothing of /nix is touched.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { StorePath } from "../../src/model/store-path.ts";
import { removeTree } from "../../src/platform/directories.ts";
import { temporaryDirectory } from "./context.ts";
import { skipWithout } from "./tools.ts";

/** What builds of Nix see of this machine: its compiler and its shell. */
const MACHINE = ["/bin", "/usr", "/lib", "/lib64", "/etc/alternatives"];

export class RealNix {
  /** The directory that holds `nix`. */
  readonly root: string;
  readonly #home: string;

  constructor(t: TestContext) {
    this.#home = temporaryDirectory(t);
    this.root = join(this.#home, "root");
    mkdirSync(this.root);
    t.after(() => removeTree(this.root));
  }

  /** Runs one of its programs to its end; what it printed. */
  run(program: string, args: readonly string[], input = ""): string {
    const options = {
      sandbox: "true",
      "sandbox-paths": MACHINE.filter((path) => existsSync(path)).join(" "),
      "build-users-group": "",
      substituters: "",
    };
    const result = spawnSync(
      program,
      [
        ...["--store", `local?root=${this.root}`],
        ...Object.entries(options).flatMap(([name, value]) => ["--option", name, value]),
        ...args,
      ],
      {
        input,
        encoding: "utf8",
        maxBuffer: 1 << 28,
        env: { PATH: process.env["PATH"], HOME: this.#home, NIX_CONF_DIR: join(this.#home, "conf") },
      },
    );
    if (result.status !== 0) throw new Error(`${program}: ${result.stderr.slice(-2000)}`);
    return result.stdout;
  }

  /** The value of an expression. */
  evaluate<Value>(expression: string): Value {
    const file = join(this.#home, "expression.nix");
    writeFileSync(file, expression);
    return JSON.parse(
      this.run("nix-instantiate", ["--eval", "--strict", "--json", "--read-write-mode", file]),
    ) as Value;
  }

  /** Builds derivations; the paths of their outputs. */
  realise(derivations: readonly string[]): StorePath[] {
    return this.run("nix-store", ["--realise", ...derivations])
      .trim()
      .split("\n") as StorePath[];
  }

  physicalPath(path: string): string {
    return join(this.root, path);
  }

  /** What is registered of all valid paths: hash of the NAR, its size, references. */
  dump(): Map<
    StorePath,
    { readonly narHash: string; readonly narSize: number; readonly references: StorePath[] }
  > {
    const lines = this.run("nix-store", ["--dump-db"]).split("\n");
    const found = new Map();
    for (let i = 0; i + 4 < lines.length; ) {
      const [path, narHash, narSize, , count] = lines.slice(i, i + 5);
      const references = lines.slice(i + 5, i + 5 + Number(count)).sort();
      found.set(path, { narHash, narSize: Number(narSize), references });
      i += 5 + Number(count);
    }
    return found;
  }
}

/** Skips the test and returns true where Nix is missing. */
export function skipWithoutNix(t: TestContext): boolean {
  return skipWithout(t, "nix-store", "nix-instantiate");
}

/** A string as the Nix language writes it. */
export function nixString(text: string): string {
  return `"${text.replaceAll(/[\\"]|\$\{/g, "\\$&").replaceAll("\n", "\\n")}"`;
}
