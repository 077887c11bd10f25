// tare tree: the packages of an image as a tree of references, with what each holds, brings along and adds.

import type { Command } from "commander";
import { Option } from "commander";
import pc from "picocolors";
import type { PackageSizes, SizedPackage } from "../../closure/package-sizes.ts";
import { compareStrings } from "../../model/bytes.ts";
import { measureImage } from "../../pipeline/closure.ts";
import { resolveLock } from "../../pipeline/lock.ts";
import { evaluate } from "../../pipeline.ts";
import { writeFileAtomically } from "../../platform/disk.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption, parseCount } from "../options.ts";
import { addPlatformOption, addRegistryOptions, type PlatformFlags } from "../registry-options.ts";
import { count, formatBytes, formatTable } from "../text.ts";
import { drawTreemap } from "../treemap.ts";

export const summary = "show the packages of an image as a tree, with what each adds";

const ORDERS = {
  added: (a: SizedPackage, b: SizedPackage) => b.addedSize - a.addedSize,
  own: (a: SizedPackage, b: SizedPackage) => b.ownSize - a.ownSize,
  closure: (a: SizedPackage, b: SizedPackage) => b.closureSize - a.closureSize,
  name: () => 0,
} as const;

type OrderName = keyof typeof ORDERS;

interface Options extends CommonOptions, PlatformFlags {
  readonly frozen: boolean;
  readonly depth?: number;
  readonly sort: OrderName;
  readonly picture?: string;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .addOption(new Option("--depth <number>", "levels below what is asked for").argParser(parseCount))
    .addOption(
      new Option("--sort <column>", "what comes first among the packages that one refers to")
        .choices(Object.keys(ORDERS))
        .default("added"),
    )
    .option(
      "--picture <file>",
      "draw it instead: an SVG of boxes, each inside the package that alone brings it",
    );
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addExamples(
    command,
    ["tare tree", "what ./image.ts holds and what brings it"],
    ["tare tree --picture redis.svg", "where the bytes are, to look at in a browser"],
    ["tare tree redis --depth 1 --sort own", "the direct references of ./redis/image.ts, largest first"],
  );
  command.action(async (path: string, options: Options) => {
    const context = host.context(options);
    const evaluated = await evaluate(path, { platform: options.platform });
    const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
    const sizes = await measureImage(evaluated.spec, lock, context);
    if (options.picture !== undefined) {
      writeFileAtomically(options.picture, await drawTreemap(evaluated.spec.name, sizes));
      const drawn = `${options.picture}: ${count(sizes.packages.size, "package")}`;
      return host.print(options, { picture: options.picture, ...describe(sizes) }, drawn);
    }
    const style = process.stdout.isTTY === true ? TERMINAL : PLAIN;
    host.print(options, describe(sizes), formatTree(sizes, options, style));
  });
}

function describe({ starts, packages }: PackageSizes): object {
  return {
    starts,
    packages: [...packages.values()].map(({ references, ...sizes }) => ({
      ...sizes,
      references: references.map(({ to, evidence }) => ({ to, evidence })),
    })),
  };
}

/** How the shape of a tree is drawn. */
interface TreeStyle {
  readonly branch: string;
  readonly lastBranch: string;
  readonly line: string;
  readonly space: string;
  /** What stands for a package whose references were shown before. */
  dim(text: string): string;
}

const TERMINAL: TreeStyle = { branch: "├─ ", lastBranch: "└─ ", line: "│  ", space: "   ", dim: pc.dim };
const PLAIN: TreeStyle = { branch: "  ", lastBranch: "  ", line: "  ", space: "  ", dim: (text) => text };

const REPEATED = "(*)";

interface Line {
  readonly shape: string;
  readonly node: SizedPackage;
  readonly repeated: boolean;
}

function formatTree({ starts, packages }: PackageSizes, options: Options, style: TreeStyle): string {
  const order = (ids: readonly string[]) =>
    ids
      .map((id) => packages.get(id)!)
      .sort((a, b) => ORDERS[options.sort](a, b) || compareStrings(a.id, b.id));
  const lines: Line[] = [];
  const seen = new Set<string>();
  const visit = (node: SizedPackage, shape: string, indent: string, depth: number) => {
    const children = order(node.references.map(({ to }) => to));
    const repeated = seen.has(node.id) && children.length > 0;
    lines.push({ shape, node, repeated });
    if (seen.has(node.id)) return;
    seen.add(node.id);
    if (depth === options.depth) return;
    for (const [i, child] of children.entries()) {
      const isLast = i === children.length - 1;
      visit(
        child,
        indent + (isLast ? style.lastBranch : style.branch),
        indent + (isLast ? style.space : style.line),
        depth + 1,
      );
    }
  };
  for (const node of order(starts)) visit(node, "", "", 0);
  const rows = lines.map(({ shape, node, repeated }) => [
    formatBytes(node.ownSize),
    formatBytes(node.closureSize),
    formatBytes(node.addedSize),
    `${style.dim(shape)}${repeated ? style.dim(`${node.label} ${REPEATED}`) : node.label}`,
  ]);
  const note = lines.some(({ repeated }) => repeated)
    ? [`${REPEATED} shown above with what it refers to`]
    : [];
  return [formatTable([["own", "closure", "added", "package"], ...rows], [0, 1, 2]), ...note].join("\n");
}
