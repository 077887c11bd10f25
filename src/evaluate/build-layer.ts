// `buildLayer` with the name of nix2container: a layer whose contents image.ts decides, before a planner divides the rest.

import type { ExplicitLayer, LayerMember, LayerPermission, Request } from "../model/image-spec.ts";
import { checkOptions, OptionError, type Rule } from "../model/options.ts";
import { isOutput, isRequest, type Output } from "./derivation.ts";
import { place } from "./place.ts";

/** A package, or something built. */
export type LayerContent = Request | Output;

/** Sets owners and modes of files of a layer. */
export interface PermissionOptions {
  /** Whose files, of what is in the layer. Default: those of all that is in it. */
  readonly path?: LayerContent;
  /** A regular expression; it is looked for in absolute paths of the image. Default: every path. */
  readonly regex?: string;
  /** Permission bits: 0o755, or text such as `0755`. */
  readonly mode?: number | string;
  readonly uid?: number;
  readonly gid?: number;
}

/** What a layer holds: the arguments of nix2container's buildLayer. */
export interface LayerOptions {
  /** Packages, and what is built, at its store path; with all that they need. */
  readonly deps?: LayerContent | readonly LayerContent[];
  /** Packages, and what is built, with its files at `/`. */
  readonly copyToRoot?: LayerContent | readonly LayerContent[];
  /** Layers below: what is in them is not in this one. */
  readonly layers?: readonly LayerDescription[];
  readonly perms?: readonly PermissionOptions[];
  /** What shall go into a later layer. */
  readonly ignore?: LayerContent | readonly LayerContent[];
}

/** A layer, and those below it. Plain data. */
export interface LayerDescription {
  readonly kind: "layers";
  /** Bottom first. */
  readonly layers: readonly ExplicitLayer[];
}

const CONTENT: Rule = {
  expected: "packages and derivations",
  accepts: (value) => [value].flat().every(isContent),
};

/** An option that is a list of layers. */
export const LAYERS: Rule = {
  expected: "a list of what buildLayer() returned",
  accepts: (value) => Array.isArray(value) && value.every(isLayer),
};

const OPTIONS: Readonly<Record<keyof LayerOptions, Rule>> = {
  deps: CONTENT,
  copyToRoot: CONTENT,
  layers: LAYERS,
  perms: {
    expected: 'a list such as [{ regex: "^/data", mode: 0o750, uid: 1000 }]',
    accepts: (value) => Array.isArray(value) && value.every(isPermission),
  },
  ignore: CONTENT,
};

/**
 * A layer of an image, for `layers` of buildLayeredImage: with all that its contents need, but for what is in a layer
 * before it.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * const base = buildLayer({ deps: [packages.python3] });
 * export default buildLayeredImage({ name: "app", layers: [base], contents: [app] });
 */
export function buildLayer(options: LayerOptions): LayerDescription {
  checkOptions("buildLayer()", options, OPTIONS);
  const { layers = [], perms = [] } = options;
  const members = [
    ...listOf(options.deps).map((item) => toMember(item)),
    ...listOf(options.copyToRoot).map((item) => toMember(item, "/")),
  ];
  if (members.length === 0)
    throw new OptionError("BAD_OPTION", "Cannot make a layer of nothing: deps or copyToRoot was expected");
  const ignore = listOf(options.ignore).map((item) => toMember(item));
  const own = { members, ignore, perms: perms.map((one) => toPermission(one, members)) };
  return Object.freeze({ kind: "layers", layers: [...flattenLayers(layers), own] });
}

/** Layers and those below them, bottom first, each once. */
export function flattenLayers(descriptions: readonly LayerDescription[]): ExplicitLayer[] {
  return [...new Set(descriptions.flatMap(({ layers }) => layers))];
}

function listOf(value: LayerContent | readonly LayerContent[] | undefined): LayerContent[] {
  return [value ?? []].flat() as LayerContent[];
}

function toMember(item: LayerContent, placement: "store" | "/" = "store"): LayerMember {
  if (!isOutput(item)) {
    const { source, scope, mirrors, name } = item;
    return { source, scope, mirrors, name };
  }
  const { kind, node, output } = item;
  return placement === "/" ? place("/", item) : { kind, node, output, placement };
}

function toPermission(
  { path, regex = "", mode, uid, gid }: PermissionOptions,
  members: readonly LayerMember[],
): LayerPermission {
  const member =
    path !== undefined && isOutput(path)
      ? members.find((one) => "node" in one && one.node === path.node && one.output === path.output)
      : undefined;
  return {
    ...(path !== undefined && { path: member ?? toMember(path) }),
    regex,
    mode: typeof mode === "string" ? Number.parseInt(mode, 8) : mode,
    uid,
    gid,
  };
}

function isContent(value: unknown): value is LayerContent {
  return isOutput(value) || isRequest(value);
}

function isLayer(value: unknown): value is LayerDescription {
  return typeof value === "object" && value !== null && (value as LayerDescription).kind === "layers";
}

function isPermission(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { path, regex = "", mode = 0, uid = 0, gid = 0, ...rest } = value as PermissionOptions;
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 32 - 1;
  const isMode =
    typeof mode === "string"
      ? /^[0-7]{1,5}$/.test(mode)
      : Number.isInteger(mode) && mode >= 0 && mode <= 0o7777;
  return (
    Object.keys(rest).length === 0 &&
    (path === undefined || isContent(path)) &&
    isRegularExpression(regex) &&
    isMode &&
    isId(uid) &&
    isId(gid)
  );
}

function isRegularExpression(text: unknown): boolean {
  if (typeof text !== "string") return false;
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
