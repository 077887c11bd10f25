// Starts an image with docker, to which it is streamed in the format of `docker save`.

import { basename } from "node:path";
import {
  DOCKER_MANIFEST,
  dockerConfigName,
  dockerLayerName,
  formatDockerManifest,
} from "../../formats/docker-archive.ts";
import {
  TAR_BLOCK,
  tarEndLength,
  tarHeaderLength,
  tarPadding,
  writeTarHeader,
} from "../../formats/tar-writer.ts";
import type { Context } from "../../model/context.ts";
import type { Image, Layer } from "../../model/image.ts";
import { nowMs } from "../../platform/clock.ts";
import { temporaryName } from "../../platform/disk.ts";
import { captureProcess, findProgram } from "../../platform/processes.ts";
import { callEngine, runContainer } from "../engine.ts";
import type { Runtime } from "../options.ts";
import { readLayer } from "../unpack.ts";

export const runtime: Runtime = {
  order: 20,

  absence() {
    return findProgram("docker") === undefined ? "it is not installed" : undefined;
  },

  async start(request, context) {
    const program = findProgram("docker")!;
    await callEngine("docker", program, ["version", "--format", "{{.Server.Version}}"], context);
    await loadImage(program, request.image, context);
    const containerName = `tare${basename(temporaryName("/run"))}`;
    const begin = Math.floor(nowMs() / 1000);
    const wasStarted = async () => {
      const end = Math.ceil(nowMs() / 1000) + 1;
      const filters = [`container=${containerName}`, "event=start"].map((filter) => `--filter=${filter}`);
      const args = ["events", `--since=${begin}`, `--until=${end}`, ...filters];
      return (await callEngine("docker", program, args, { signal: new AbortController().signal })) !== "";
    };
    return await runContainer(
      { name: "docker", program, extraOptions: ["--init"], containerName, wasStarted },
      request,
      context,
    );
  },
};

/** Gives docker the image, unless it has it. */
async function loadImage(program: string, image: Image, context: Context): Promise<void> {
  const found = await captureProcess(program, ["image", "inspect", image.imageId], {
    signal: context.signal,
  });
  if (found.exitCode === 0) return;
  const stage = context.progress.stage("loading into docker");
  await callEngine("docker", program, ["load", "--quiet"], context, {
    stdin: formatArchive(image, context.signal),
  });
  stage.done(`image ${image.imageId}`);
}

/** The archive, chunk by chunk; layers are decompressed, since not every docker knows every compression. */
export async function* formatArchive(image: Image, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const layers = [...new Map(image.layers.map((layer) => [layer.diffId, layer])).values()];
  const manifest = formatDockerManifest([
    {
      config: dockerConfigName(image.imageId),
      repoTags: [],
      layers: image.layers.map(({ diffId }) => dockerLayerName(diffId)),
    },
  ]);
  let length = 0;
  const members: (readonly [string, number, Iterable<Uint8Array> | AsyncIterable<Uint8Array>])[] = [
    [DOCKER_MANIFEST, manifest.length, [manifest]],
    [dockerConfigName(image.imageId), image.config.length, [image.config]],
  ];
  for (const layer of layers) {
    const size = layer.uncompressedSize ?? (await measure(layer, signal));
    members.push([dockerLayerName(layer.diffId), size, readLayer(layer, signal)]);
  }
  for (const [name, size, chunks] of members) {
    const header = formatHeader(name, size);
    yield header;
    yield* chunks;
    yield Buffer.alloc(tarPadding(size));
    length += header.length + size + tarPadding(size);
  }
  yield Buffer.alloc(tarEndLength(length, TAR_BLOCK));
}

function formatHeader(name: string, size: number): Buffer {
  const member = {
    name,
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    linkName: "",
    mtimeSeconds: 1,
  } as const;
  const header = Buffer.alloc(tarHeaderLength(member));
  writeTarHeader(header, 0, member);
  return header;
}

async function measure(layer: Layer, signal: AbortSignal): Promise<number> {
  let size = 0;
  for await (const chunk of readLayer(layer, signal)) size += chunk.length;
  return size;
}
