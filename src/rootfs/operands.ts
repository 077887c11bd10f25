// What the words of a script's file command mean in the merged root: canonical paths, owners, modes.

import type { CommandOutcome, ScriptText } from "../formats/maintainer-script.ts";
import { UNKNOWN } from "../formats/maintainer-script.ts";
import type { BytePath } from "../model/bytes.ts";
import { bytePathProblem, decodeByteString, joinPath } from "../model/bytes.ts";
import type { FixContext, ScriptCall } from "./fix.ts";
import { applyMode } from "./mode.ts";
import type { Attributes } from "./root.ts";
import { isTemporary } from "./script-world.ts";

export class Operands {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  /** Reports that a command is not followed, and why. */
  skip(call: ScriptCall, reason: string): CommandOutcome {
    this.#context.report("skip", `${call.name} at line ${call.line}: ${decodeByteString(reason)}`, {
      because: call.object.id,
    });
    return UNKNOWN;
  }

  /** Reports what a command did, unless to a scratch file. */
  done(call: ScriptCall, action: Parameters<FixContext["report"]>[0], path: BytePath, detail: string): void {
    if (!isTemporary(path)) this.#context.report(action, detail, { path, because: call.object.id });
  }

  /** The canonical path that an operand means; undefined, and reported, when it means none. */
  path(call: ScriptCall, operand: ScriptText, follow: boolean): BytePath | undefined {
    if (!operand.known) {
      this.skip(call, `${operand.text} is not known`);
      return undefined;
    }
    const text = operand.text.startsWith("/") ? operand.text : `${call.directory}/${operand.text}`;
    const path = this.#context.root.resolve(text, follow);
    if (operand.text === "" || path === undefined || bytePathProblem(path) !== undefined) return undefined;
    // What a kernel or a container runtime puts there is not the image's.
    return /^(?:dev|proc|sys)(?:\/|$)/.test(path) ? undefined : path;
  }

  /** Of a path that is not known, the directory above its first unknown part; undefined when there is none. */
  knownParent({ text, known }: ScriptText): ScriptText | undefined {
    const end = known ? 0 : text.lastIndexOf("/", text.indexOf("$"));
    return end > 0 ? { text: text.slice(0, end), known: true } : undefined;
  }

  /** The canonical paths that operands mean, without those that mean none. */
  paths(call: ScriptCall, operands: readonly ScriptText[], follow: boolean): BytePath[] {
    return operands.flatMap((operand) => this.path(call, operand, follow) ?? []);
  }

  /** Owner and mode from options such as `-m 0750 -o redis`; undefined, and reported, when they are not known. */
  attributes(
    call: ScriptCall,
    mode?: ScriptText,
    owner?: ScriptText,
    group?: ScriptText,
  ): Attributes | undefined {
    const { accounts } = this.#context;
    const unknown = [mode, owner, group].find((one) => one?.known === false);
    if (unknown !== undefined) {
      this.skip(call, `${unknown.text} is not known`);
      return undefined;
    }
    const uid = owner === undefined ? undefined : accounts.userId(owner.text);
    const gid = group === undefined ? undefined : accounts.groupId(group.text);
    if ((owner !== undefined && uid === undefined) || (group !== undefined && gid === undefined)) {
      this.skip(
        call,
        `there is no account "${uid === undefined && owner !== undefined ? owner.text : group?.text}"`,
      );
      return undefined;
    }
    return { mode: mode === undefined ? undefined : applyMode(mode.text, 0o755, true), uid, gid };
  }

  /** Where a copy, move or link goes: into the last operand when that is a directory. */
  destination(
    call: ScriptCall,
    operand: ScriptText,
    name: string,
    intoDirectory: boolean,
  ): BytePath | undefined {
    const path = this.path(call, operand, true);
    const isDirectory = path !== undefined && this.#context.root.peek(path)?.type === "directory";
    if (intoDirectory && (isDirectory || operand.text.endsWith("/")))
      return path === undefined ? undefined : joinPath(path, name);
    return this.path(call, operand, false);
  }

  /** Canonical paths of operands at which something may be made. */
  targets(call: ScriptCall, operands: readonly ScriptText[]): BytePath[] {
    return this.paths(call, operands, true).filter((path) => !this.#context.root.isLeftOut(path));
  }
}

/** Without what is not given, so that it can be spread over defaults. */
export function definedAttributes(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
