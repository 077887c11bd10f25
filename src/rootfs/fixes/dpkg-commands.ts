// Answers what scripts ask dpkg: versions, architecture, which packages there are, diversions.
// Specification: dpkg(1), dpkg-query(1), dpkg-architecture(1), dpkg-divert(1), dpkg-vendor(1).

import { compareVersions } from "../../formats/debian-version.ts";
import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import { MULTIARCH } from "../architecture.ts";
import { option, parseArguments } from "../arguments.ts";
import { parseDiversion } from "../diversions.ts";
import type { Fix, FixContext, PackageObject, ScriptCall } from "../fix.ts";

export const fix: Fix = {
  after: [],
  create: (context) => ({
    commands: {
      dpkg: (call) => answerDpkg(context, call),
      "dpkg-query": (call) => answerQuery(context, call),
      "dpkg-architecture": (call) => answerArchitecture(context, call),
      "dpkg-divert": (call) => divert(context, call),
      "dpkg-vendor": (call) => answerVendor(call),
      "dpkg-maintscript-helper": (call) => helpScript(call),
    },
  }),
};

function answerDpkg(context: FixContext, call: ScriptCall): CommandOutcome {
  const words = call.args.map((arg) => arg.text);
  const { architecture } = context.options;
  if (words.includes("--print-architecture")) return { status: 0, output: `${architecture}\n` };
  if (words.includes("--print-foreign-architectures")) return SUCCESS;
  const compare = words.indexOf("--compare-versions");
  if (compare >= 0) return compareAsDpkg(call.args.slice(compare + 1));
  if (words.some((word) => /^(?:-[slLS]|--status|--list|--listfiles|--search)$/.test(word)))
    return answerQuery(context, call);
  return SUCCESS;
}

/** An absent version is older than any with `lt` and newer with `lt-nl`, as dpkg documents. */
function compareAsDpkg([left, operator, right]: readonly ScriptText[]): CommandOutcome {
  if (left?.known !== true || right?.known !== true || operator?.known !== true) return UNKNOWN;
  const name = operator.text.replace(/-nl$/, "");
  const absentIsOldest = !operator.text.endsWith("-nl");
  const rank = (version: string) => (version !== "" ? 0 : absentIsOldest ? -1 : 1);
  // With -nl an absent version is newer on either side; both absent are equal.
  const order =
    left.text === "" || right.text === ""
      ? rank(left.text) - rank(right.text)
      : compareVersions(left.text, right.text);
  const table: Readonly<Record<string, boolean>> = {
    lt: order < 0,
    "<<": order < 0,
    "<": order <= 0,
    le: order <= 0,
    "<=": order <= 0,
    eq: order === 0,
    "=": order === 0,
    ne: order !== 0,
    ge: order >= 0,
    ">=": order >= 0,
    ">": order >= 0,
    gt: order > 0,
    ">>": order > 0,
  };
  const result = table[name];
  return result === undefined ? { status: 2, output: "" } : result ? SUCCESS : FAILURE;
}

function answerQuery(context: FixContext, call: ScriptCall): CommandOutcome {
  const args = parseArguments(call.args, ["-f", "--showformat", "--admindir"]);
  if (option(args, "-L", "-S", "--listfiles", "--search") !== undefined)
    return { status: 0, output: undefined };
  const operands = args.operands;
  if (operands.some((operand) => !operand.known)) return UNKNOWN;
  const found = operands.map((operand) =>
    context.followed.find((object) => object.package.name === operand.text.replace(/:.*$/, "")),
  );
  const missing = found.length === 0 || found.includes(undefined);
  const format = option(args, "-f", "--showformat");
  const present = found.filter((object) => object !== undefined);
  if (present.length === 0) return FAILURE;
  const output =
    format?.known === true
      ? present.map((object) => formatQuery(format.text.replace(/^=/, ""), object)).join("")
      : undefined;
  return { status: missing ? 1 : 0, output };
}

function formatQuery(format: string, { package: metadata }: PackageObject): string {
  return format
    .replace(/\$\{(?:binary:)?([A-Za-z-]+)[^}]*\}/g, (_, field: string) => {
      if (field === "Status") return "install ok installed";
      if (field === "db-fsys") return "";
      return metadata.control.get(field) ?? "";
    })
    .replaceAll("\\n", "\n");
}

function answerArchitecture(context: FixContext, call: ScriptCall): CommandOutcome {
  const words = call.args.map((arg) => arg.text).join(" ");
  const name = /-q\s*(DEB_(?:HOST|BUILD|TARGET)_(?:ARCH|MULTIARCH|GNU_TYPE))\b/.exec(words)?.[1];
  if (name === undefined) return UNKNOWN;
  const { architecture } = context.options;
  return { status: 0, output: `${name.endsWith("_ARCH") ? architecture : MULTIARCH[architecture]}\n` };
}

function divert(context: FixContext, call: ScriptCall): CommandOutcome {
  const { root, diversions, report } = context;
  const parsed = parseDiversion(call.args, call.object.package.name);
  if (parsed === undefined) return UNKNOWN;
  const { action, diversion } = parsed;
  const existing = diversions.get(diversion.from);
  switch (action) {
    case "list":
      if (existing === undefined) return SUCCESS;
      return {
        status: 0,
        output: `diversion of /${existing.from} to /${existing.to} by ${existing.package ?? "local"}\n`,
      };
    case "listpackage":
      return { status: 0, output: existing === undefined ? "" : `${existing.package ?? "LOCAL"}\n` };
    case "truename":
      return { status: 0, output: `/${existing?.to ?? diversion.from}\n` };
    case "remove":
      if (call.certain) diversions.remove(diversion.from);
      return SUCCESS;
    case "add": {
      if (existing !== undefined) return SUCCESS;
      diversions.add(diversion);
      // Files that are unpacked before the diversion was made are renamed only on demand.
      if (
        diversion.rename &&
        root.get(diversion.from) !== undefined &&
        root.peek(diversion.to) === undefined
      ) {
        if (root.unitOf(diversion.from) === call.object.id) return SUCCESS;
        root.rename(diversion.from, diversion.to);
        report("divert", `diverted from /${diversion.from}`, { path: diversion.to, because: call.object.id });
      }
      return SUCCESS;
    }
  }
}

function answerVendor(call: ScriptCall): CommandOutcome {
  const words = call.args.map((arg) => arg.text.toLowerCase());
  const asks = words.findIndex((word) => word === "--is" || word === "--derives-from");
  if (asks < 0) return { status: 0, output: "Debian\n" };
  const isDebian = words[asks + 1] === "debian";
  return isDebian && words[asks] === "--is" ? SUCCESS : FAILURE;
}

/** Its actions move files of older versions; on a fresh installation there are none. */
function helpScript(call: ScriptCall): CommandOutcome {
  const action = call.args[0]?.text;
  if (action !== "supports") return SUCCESS;
  return /^(?:rm_conffile|mv_conffile|symlink_to_dir|dir_to_symlink)$/.test(call.args[1]?.text ?? "")
    ? SUCCESS
    : FAILURE;
}
