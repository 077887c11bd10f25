// The interpreters of scripts: files that their first lines name.

import { TRAITS } from "./facts.ts";
import type { KindTable } from "./kind-table.ts";
import type { TokenIndex } from "./token-index.ts";

const SHELL = /^usr\/bin\/(?:ba|da)?sh$/;

export class Interpreters {
  readonly #index: TokenIndex;
  readonly #kinds: KindTable;

  constructor(index: TokenIndex, kinds: KindTable) {
    this.#index = index;
    this.#kinds = kinds;
  }

  /** The files that a script could be run by; none for what is no script. */
  of(file: number): readonly number[] {
    const view = this.#index.view(file);
    const found: number[] = [];
    for (const { kind: name, tokens } of this.#index.usesOf(file)) {
      if (name !== "shebang") continue;
      // `env` itself is not what the script is written for.
      const names = tokens.length > 1 ? tokens.filter((token) => token.startsWith("env ")) : tokens;
      for (const kind of this.#kinds.followersOf(name)) {
        for (const token of names) found.push(...(kind.find?.(token, view, this.#index) ?? []));
      }
    }
    return found;
  }

  isScript(file: number): boolean {
    return (this.#index.traitsOf(file) & TRAITS.script) !== 0;
  }

  /** Whether a script's interpreter is of no declared package. A root's own shell scripts are never without. */
  isLacking(file: number, isRoot: boolean): boolean {
    if (!this.isScript(file)) return false;
    const interpreters = this.of(file);
    if (isRoot && interpreters.some((target) => SHELL.test(this.#index.pathOf(target)))) return false;
    return !interpreters.some((target) => this.#index.units[this.#index.unitOf(target)]!.declared);
  }
}
