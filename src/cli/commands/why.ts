// tare why: the chain of references that brings a package or a file into an image, and what cutting it would save.

import type { Command } from "commander";
import { decodeByteString } from "../../model/bytes.ts";
import type { Evidence } from "../../model/closure.ts";
import { evaluate, explainTarget, resolveLock } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption } from "../options.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "explain why a package or a file is in an image";

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "the image file, or a directory with an image.ts (default: .)")
    .argument("[target]", "a package, or the absolute path of a file or directory");
  addFrozenOption(command);
  addExamples(
    command,
    ["tare why libssl3", "what brings libssl3 into ./image.ts"],
    ["tare why redis /usr/lib/ssl", "the same of a path, for ./redis/image.ts"],
  );
  command.action(
    async (
      first: string | undefined,
      second: string | undefined,
      options: CommonOptions & { frozen: boolean },
    ) => {
      const [path, target] = second === undefined ? [".", first] : [first ?? ".", second];
      if (target === undefined) command.error("error: missing required argument 'target'", { exitCode: 2 });
      const context = host.context(options);
      const evaluated = await evaluate(path);
      const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
      const { object, file, isRoot, chain, size } = await explainTarget(
        evaluated.spec,
        lock,
        target,
        context,
      );
      const what = file === undefined ? name(object) : `/${decodeByteString(file)} of ${name(object)}`;
      const lines = chain.flatMap(({ to, evidence, cutObjects, cutSize }) => [
        `→ ${name(to)}`,
        ...evidence.map((item) => `    ${describeEvidence(item)}`),
        `    without this: ${cutObjects.length === 0 ? "nothing would go, others refer to it as well" : `${count(cutObjects.length, "package")} less, ${formatBytes(cutSize)}`}`,
      ]);
      host.print(
        options,
        { object, file: file === undefined ? undefined : `/${decodeByteString(file)}`, isRoot, size, chain },
        [
          `${what} (${formatBytes(size)} of ${name(object)})${isRoot ? " is asked for" : " is in the image since"}`,
          ...(chain[0] === undefined ? [] : [name(chain[0].from)]),
          ...lines,
        ].join("\n"),
      );
    },
  );
}

/** The package's name out of an id such as `deb/bash/5.2.15-2/amd64`. */
function name(id: string): string {
  return id.split("/")[1] ?? id;
}

function describeEvidence({ kind, file, token }: Evidence): string {
  const said = token === undefined ? "" : ` "${decodeByteString(token)}"`;
  return `${kind}${said}${file === undefined ? "" : ` in /${decodeByteString(file)}`}`;
}
