// The layers that image.ts describes, with the ids that their members have among the objects of the image.

import type { ExplicitLayer, LayerMember, Request } from "../model/image-spec.ts";
import type { StoreObject } from "../model/store-object.ts";
import { placedId } from "./placement.ts";

/** An explicit layer by ids. */
export interface ResolvedLayer {
  readonly members: readonly string[];
  readonly ignore: readonly string[];
  readonly perms: readonly (Omit<ExplicitLayer["perms"][number], "path"> & { readonly path?: string })[];
}

/**
 * Finds what layers name.
 *
 * @param layers Outputs have store paths as nodes.
 * @param objects Those of the image, before they have places.
 * @param answer Gives the id of what a request got; undefined when the image has not asked for it.
 */
export function resolveLayers(
  layers: readonly ExplicitLayer[],
  objects: readonly StoreObject[],
  answer: (request: Request) => string | undefined,
): ResolvedLayer[] {
  const labels = new Map(objects.map(({ id, label }) => [id, label]));
  const idOf = (member: LayerMember): string => {
    if (!("node" in member)) return answer(member) ?? member.name;
    const { node, placement } = member;
    return placement.startsWith("/") ? placedId(labels.get(node) ?? node, placement) : node;
  };
  return layers.map(({ members, ignore, perms }) => ({
    members: members.map(idOf),
    ignore: ignore.map(idOf),
    perms: perms.map(({ path, ...rest }) => ({ ...rest, ...(path !== undefined && { path: idOf(path) }) })),
  }));
}
