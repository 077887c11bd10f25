// An image into a registry: `docker://HOST/NAME:TAG`.

import { type Content, imageContent } from "../../model/content.ts";
import type { Context } from "../../model/context.ts";
import { parseRegistryReference, REGISTRY_TRANSPORT } from "../../platform/registry/reference.ts";
import type { Delivered, DeliverOptions, Exporter } from "../exporter.ts";
import { type Pushed, pushContent } from "../push.ts";

export const exporter: Exporter = {
  scheme: "registry",
  summary: "a registry, by HOST/NAME:TAG",
  deliver: (image, target, context, options) => deliver(imageContent(image), target, context, options),
  deliverContent: deliver,
};

async function deliver(
  content: Content,
  target: string,
  context: Context,
  options: DeliverOptions,
): Promise<Delivered> {
  return describePushed(await pushContent(content, parseRegistryReference(target), options, context));
}

function describePushed({ reference, bytesSent, bytesReused, unchanged }: Pushed): Delivered {
  return {
    output: `${REGISTRY_TRANSPORT}${reference}`,
    bytesWritten: bytesSent,
    bytesReused,
    unchanged,
    files: [],
  };
}
