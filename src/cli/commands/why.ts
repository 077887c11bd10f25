// tare why: the chain of references that brings a package, file or directory into an image, and what cutting each step
// would save; with --dropped, what is not in the image.

import type { Command } from "commander";
import type { ChainStep, Explanation, FileStep } from "../../closure/why.ts";
import { decodeByteString } from "../../model/bytes.ts";
import type { Evidence, FileReason } from "../../model/closure.ts";
import { explainTarget } from "../../pipeline/closure.ts";
import { resolveLock } from "../../pipeline/lock.ts";
import { planImage } from "../../pipeline/plan.ts";
import { evaluate } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { describeLeftOut, formatLeftOut, packageName } from "../left-out.ts";
import { addExamples, addFrozenOption } from "../options.ts";
import { addPlatformOption, addRegistryOptions, type PlatformFlags } from "../registry-options.ts";
import { count, formatBytes, showPath } from "../text.ts";

export const summary = "explain why a package, file or directory is in an image, or what is not";

interface Options extends CommonOptions, PlatformFlags {
  readonly frozen: boolean;
  readonly dropped?: boolean;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program (default: .)")
    .argument("[target]", "a package, or the absolute path of a file or directory in the image")
    .option("--dropped", "list what was left out, what is wanting, and what fixes did, instead");
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addExamples(
    command,
    ["tare why libssl3", "what brings libssl3 into ./image.ts"],
    ["tare why redis /usr/lib/ssl", "the same of a path, for ./redis/image.ts"],
    ["tare why ./server /etc/passwd", "why a program's image has a file that no package ships"],
    ["tare why --dropped", "what the image does without, and what was done to it"],
  );
  command.action(async (first: string | undefined, second: string | undefined, options: Options) => {
    if (options.dropped === true) {
      if (second !== undefined) command.error("error: --dropped takes no target", { exitCode: 2 });
      return printLeftOut(first ?? ".", options, host);
    }
    const [path, target] = second === undefined ? [".", first] : [first ?? ".", second];
    if (target === undefined) command.error("error: missing required argument 'target'", { exitCode: 2 });
    const context = host.context(options);
    const evaluated = await evaluate(path, { platform: options.platform });
    const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
    const explanation = await explainTarget(evaluated.spec, lock, target, context);
    host.print(options, describe(explanation), format(explanation, target));
  });
}

async function printLeftOut(path: string, options: Options, host: Host): Promise<void> {
  const context = host.context(options);
  const evaluated = await evaluate(path, { platform: options.platform });
  const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
  const plan = await planImage(evaluated.spec, lock, context);
  host.print(options, describeLeftOut(plan), formatLeftOut(plan));
}

function describe({ path, files, chain, made, ...rest }: Explanation): object {
  return {
    ...rest,
    path: path === undefined ? undefined : show(path),
    chain: chain.map((step) => ({ ...step, evidence: step.evidence.map(describeEvidence) })),
    files: files.map(({ file, reason, cutObjects, cutSize }) => ({
      ...showPath(file),
      kind: reason.kind,
      token: reason.token === undefined ? undefined : decodeByteString(reason.token),
      cutObjects,
      cutSize,
    })),
    made: made.map(showPath),
  };
}

function describeEvidence({ kind, file, token, target }: Evidence): object {
  const text = (path: string | undefined) => (path === undefined ? undefined : show(path));
  return {
    kind,
    file: text(file),
    token: token === undefined ? undefined : decodeByteString(token),
    target: text(target),
  };
}

function format(explanation: Explanation, target: string): string {
  const { kind, object, isRoot, size, chain, files, made } = explanation;
  const of = object === undefined ? "" : ` of ${packageName(object)}`;
  const lines: string[] = [];
  if (kind === "package") {
    lines.push(
      `${packageName(object!)} (${formatBytes(size)}) ${isRoot ? "is asked for" : "is in the image since"}`,
      ...formatPackages(chain),
    );
  } else {
    const holds = explanation.holds;
    const what =
      holds === undefined
        ? `${formatBytes(size)}${files.length > 0 ? of : ""}`
        : `${count(holds.files, "file")}, ${formatBytes(size)} of ${holds.objects.map(packageName).join(", ") || packageName(object ?? "")}`;
    lines.push(
      `${target} (${what}) is in the image${files.length + chain.length + made.length > 0 ? " since" : ""}`,
    );
    for (const { fix, action, detail, because } of made) {
      lines.push(
        `  the fix ${fix} (${action}): ${detail}${because === undefined ? "" : `, because of ${packageName(because)}`}`,
      );
    }
    lines.push(...(files.length > 0 ? formatFiles(files) : formatPackages(chain)));
  }
  return lines.join("\n");
}

function formatPackages(chain: readonly ChainStep[]): string[] {
  return [
    ...(chain[0] === undefined ? [] : [packageName(chain[0].from)]),
    ...chain.flatMap((step) => [
      `→ ${packageName(step.to)}`,
      ...step.evidence.map((item) => `    ${formatEvidence(item)}`),
      `    ${formatCut(step)}`,
    ]),
  ];
}

function formatFiles(files: readonly FileStep[]): string[] {
  return files.flatMap((step, i) => {
    const { file, reason } = step;
    const at = show(file.path);
    const name = packageName(file.object);
    return [
      `${i === 0 ? "" : "→ "}${at}${name === at ? "" : ` of ${name}`}`,
      `    ${formatReason(reason)}`,
      ...(i === 0 ? [] : [`    ${formatCut(step)}`]),
    ];
  });
}

function formatReason({ kind, token }: FileReason): string {
  const said = token === undefined ? "" : ` "${decodeByteString(token)}"`;
  switch (kind) {
    case "root":
      return "asked for";
    case "metapackage":
      return `asked for: the metapackage ${token} brings it`;
    case "entrypoint":
      return `named by the command line:${said}`;
    case "keep":
      return `kept by keep:${said}`;
    case "whole-package":
      return "stays with its package";
    default:
      return `${kind}${said}`;
  }
}

function formatEvidence({ kind, file, token }: Evidence): string {
  const said = token === undefined ? "" : ` "${decodeByteString(token)}"`;
  return `${kind}${said}${file === undefined ? "" : ` in ${show(file)}`}`;
}

function formatCut({ cutObjects, cutSize }: Pick<ChainStep, "cutObjects" | "cutSize">): string {
  if (cutSize === 0 && cutObjects.length === 0)
    return "without this: nothing would go, others refer to it as well";
  const packages = cutObjects.length === 0 ? "" : `${count(cutObjects.length, "package")} less, `;
  return `without this: ${packages}${formatBytes(cutSize)}`;
}

function show(path: string): string {
  return `/${decodeByteString(path)}`;
}
