// The packages of an image as a picture: each is a box as large as its files, inside the box of the closest package that
// alone brings it. Sizes and references in, one SVG document out that needs nothing else; the same bytes for the same image.

import type { HierarchyRectangularNode } from "d3-hierarchy";
import type { PackageSizes, SizedPackage } from "../closure/package-sizes.ts";
import { compareStrings } from "../model/bytes.ts";
import { formatBytes } from "./text.ts";

const WIDTH = 1600;
const HEIGHT = 1000;
const TITLE_HEIGHT = 26;
/** Room for the name of a package above what it alone brings. */
const HEADER_HEIGHT = 18;
const FONT_SIZE = 12;
/** About the width of a character, in units of the font's size. */
const CHARACTER_WIDTH = 0.58;
/** Boxes narrower or lower than this bear no name. */
const SMALLEST_LABEL = { width: 30, height: 14 };

/** By depth; light enough for black text. */
const COLOURS = ["#dfe7ef", "#c9daea", "#b5cfe4", "#f6e3c5", "#f0d3a3", "#e9c182"];

interface Box {
  readonly id: string;
  readonly package: SizedPackage | undefined;
  /** Bytes of its own files. */
  readonly size: number;
  readonly children: Box[];
}

/**
 * Draws an image's packages.
 *
 * @param title What is drawn, such as the image's name.
 * @returns An SVG document of 1600 by 1000.
 */
export async function drawTreemap(title: string, sizes: PackageSizes): Promise<string> {
  const { hierarchy, treemap, treemapSquarify } = await import("d3-hierarchy");
  const root = hierarchy(nest(sizes))
    .sum(({ size }) => size)
    .sort((a, b) => b.value! - a.value! || compareStrings(a.data.id, b.data.id));
  const layOut = treemap<Box>()
    .tile(treemapSquarify)
    .size([WIDTH, HEIGHT - TITLE_HEIGHT])
    .paddingOuter(2)
    .paddingInner(1)
    .paddingTop(({ depth }) => (depth === 0 ? 2 : HEADER_HEIGHT))
    .round(true);
  const count = sizes.packages.size;
  const heading = `${title}: ${count} packages, ${formatBytes(root.value ?? 0)}; a box in a box is there through it alone`;
  const boxes = layOut(root)
    .descendants()
    .filter(({ depth }) => depth > 0)
    .flatMap((node) => drawBox(node, sizes));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="${FONT_SIZE}">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="4" y="18" font-size="14">${escapeText(heading)}</text>`,
    `<g transform="translate(0 ${TITLE_HEIGHT})">`,
    ...boxes,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Packages inside those that alone bring them; a package that brings others has its own files as a box beside theirs. */
function nest({ packages }: PackageSizes): Box {
  const boxes = new Map<string, Box>();
  for (const one of packages.values()) {
    boxes.set(one.id, { id: one.id, package: one, size: 0, children: [] });
  }
  const root: Box = { id: "", package: undefined, size: 0, children: [] };
  for (const [id, box] of boxes) {
    const parent = boxes.get(packages.get(id)!.dominator ?? "") ?? root;
    parent.children.push(box);
  }
  const withOwnFiles = (box: Box): Box => {
    const size = box.package?.ownSize ?? 0;
    if (box.children.length === 0) return { ...box, size };
    const own: Box = { id: `${box.id} `, package: undefined, size, children: [] };
    return { ...box, children: [...(size === 0 ? [] : [own]), ...box.children.map(withOwnFiles)] };
  };
  return withOwnFiles(root);
}

type Node = HierarchyRectangularNode<Box>;

function drawBox(node: Node, sizes: PackageSizes): string[] {
  const [width, height] = [node.x1 - node.x0, node.y1 - node.y0];
  const { package: sized } = node.data;
  if (width <= 0 || height <= 0) return [];
  const fill = COLOURS[Math.min(node.depth - 1, COLOURS.length - 1)];
  const name = sized === undefined ? "own files" : sized.label.split(" ")[0]!;
  const size = sized?.addedSize ?? node.value!;
  const box = `<rect x="${node.x0}" y="${node.y0}" width="${width}" height="${height}" fill="${fill}" stroke="#555" stroke-width="0.5"/>`;
  const label = drawLabel(name, formatBytes(size), node, width, height);
  const tooltip = escapeText(
    sized === undefined ? `own files: ${formatBytes(size)}` : describe(sized, sizes),
  );
  return [`<g><title>${tooltip}</title>${box}${label}</g>`];
}

/** The name, and the size where there is room; cut short to the box's width. */
function drawLabel(name: string, size: string, node: Node, width: number, height: number): string {
  if (width < SMALLEST_LABEL.width || height < SMALLEST_LABEL.height) return "";
  const room = Math.floor((width - 6) / (FONT_SIZE * CHARACTER_WIDTH));
  const both = `${name} ${size}`;
  const text = both.length <= room ? both : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
  return `<text x="${node.x0 + 3}" y="${node.y0 + 13}">${escapeText(text)}</text>`;
}

/** What a pointer over a box tells. */
function describe({ id, label, ownSize, addedSize, closureSize }: SizedPackage, sizes: PackageSizes): string {
  const referrers = [...sizes.packages.values()].flatMap(({ label: from, references }) =>
    references
      .filter(({ to }) => to === id)
      .map(({ evidence: [first] }) =>
        `${from}: ${first?.kind ?? "reference"} ${first?.token ?? ""}`.trimEnd(),
      ),
  );
  return [
    label,
    `own ${formatBytes(ownSize)}, added ${formatBytes(addedSize)}, closure ${formatBytes(closureSize)}`,
    ...referrers.sort(compareStrings).map((line) => `← ${line}`),
  ].join("\n");
}

/** Text of XML; what no XML document may have is left out. */
function escapeText(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/[^\n\t\u0020-\ud7ff\ue000-\ufffd]/g, "�")
    .replace(/[&<>"]/g, (character) => names[character]!);
}
