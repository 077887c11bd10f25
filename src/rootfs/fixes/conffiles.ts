// Emulates ucf: configuration files that are copied from a template when a package is configured.
// Specification: ucf(1): on a fresh installation the new file becomes the configuration file.

import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import { decodeByteString } from "../../model/bytes.ts";
import { parseArguments } from "../arguments.ts";
import type { Fix, FixContext, ScriptCall } from "../fix.ts";

const WITH_VALUE = ["--sum-file", "--sum-dir", "--src-dir", "--state-dir", "--debug", "-d"];

export const fix: Fix = {
  after: [],
  create: (context) => ({
    commands: {
      ucf: (call) => installConffile(context, call),
      ucfr: () => SUCCESS,
      ucfq: () => SUCCESS,
    },
  }),
};

function installConffile({ root, report }: FixContext, call: ScriptCall): CommandOutcome {
  const { options, operands } = parseArguments(call.args, WITH_VALUE);
  if (options.has("--purge") || options.has("-p")) return SUCCESS;
  const [source, destination] = operands;
  if (source?.known !== true || destination?.known !== true) {
    const unknown = source?.known === true ? destination : source;
    report(
      "skip",
      `ucf at line ${call.line}: ${decodeByteString(unknown?.text ?? "an operand")} is not known`,
      {
        because: call.object.id,
      },
    );
    return UNKNOWN;
  }
  const path = root.resolve(destination.text, true);
  const template = root.find(source.text);
  if (path === undefined || template?.type !== "file") return FAILURE;
  if (root.peek(path) !== undefined) return SUCCESS;
  root.copyFile(template, path);
  report("write", `copy of ${decodeByteString(source.text)}`, { path, because: call.object.id });
  return SUCCESS;
}
