// `buildLayeredImage`: options as a user writes them in, an ImageSpec as plain data out.

import { defaultArchive } from "../model/default-archive.ts";
import type { OutputReference } from "../model/derivation.ts";
import {
  type Architecture,
  type ArchiveReference,
  COMPRESSION_LEVELS,
  type CompressionName,
  describeLevels,
  type ImageSpec,
  type LocalFile,
  type NormalizedImageConfig,
  type PlacedOutput,
  type Request,
} from "../model/image-spec.ts";
import { layeringPipelineProblem } from "../model/layering-pipeline.ts";
import { collectGraph, findMentions, textsOf } from "../model/mentions.ts";
import { checkOptions, OptionError, show } from "../model/options.ts";
import { chosenArchitecture, machineArchitecture, targetArchitecture } from "../platform/machine.ts";
import { toBaseImage } from "./base-image.ts";
import { flattenLayers } from "./build-layer.ts";
import { describeCommands, describeDeclared } from "./customisation.ts";
import { isOutput, isRequest, type Output } from "./derivation.ts";
import { CONFIG, normalizeConfig } from "./image-config.ts";
import {
  COMPRESSORS,
  type ImageContent,
  isLocalFile,
  LAYERED_IMAGE,
  type LayeredImageOptions,
  parseCreated,
} from "./image-options.ts";
import { impliedProgram } from "./implied-program.ts";

export type { Compressor, ImageContent, LayeredImageOptions, PlannerName } from "./image-options.ts";

// The grammar of references: components of the distribution specification, an optional host before them.
const NAME =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Describes an image in layers that images can share: `export default buildLayeredImage({ … })`.
 *
 * @example
 * ```ts
 * const { packages } = debian("bookworm");
 * export default buildLayeredImage({
 *   name: "redis",
 *   contents: [packages["redis-server"]],
 *   config: { Cmd: ["redis-server", "--bind", "0.0.0.0"], User: "redis" },
 * });
 * ```
 * @returns Plain data: nothing is fetched or built before `tare build`.
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; the message names the option and what was expected.
 */
export function buildLayeredImage(options: LayeredImageOptions): ImageSpec {
  checkOptions("buildLayeredImage", options, LAYERED_IMAGE);
  const { name, tag = "latest", config = {}, created, maxLayers = 100 } = options;
  checkName(name, tag);
  checkOptions("buildLayeredImage's config", config, CONFIG);
  const contents = [options.contents ?? []].flat() as ImageContent[];
  const layers = flattenLayers(options.layers ?? []);
  const members = layers.flatMap((layer) => layer.members);
  const packages = [...contents.filter(isRequest), ...members.filter(isRequest)];
  const given = distinct([...contents, ...members].filter(isOutput).map(toPlacedOutput));
  const files = contents.filter(isLocalFile);
  const named = options.archive ?? packages[0] ?? files.find((file) => file.archive !== undefined)?.archive;
  const architecture =
    chooseArchitecture(options) ??
    packages[0]?.scope.architecture ??
    named?.scope.architecture ??
    targetArchitecture();
  const archive = toArchiveReference(named ?? defaultArchive(architecture));
  checkArchitectures(architecture, packages, files, archive);
  const normalized = normalizeConfig(config);
  const commands = describeCommands(options, named, architecture);
  const mentions = findMentions(textsOf(normalized));
  const outputs = [...given, ...unplaced(mentions.outputs, given)];
  const program =
    packages.length === 0 && outputs.length === 0 ? impliedProgram(normalized, files) : undefined;
  const { name: compression, level } = chooseCompression(options);
  checkPipeline(options);
  if (options.minimal !== undefined) checkMinimal(options.closure, normalized, files);
  return {
    kind: "image",
    name,
    tag,
    architecture,
    ...(options.architectures !== undefined && { architectures: [...options.architectures] }),
    contents: [
      ...packages.map((request) => ({ ...toArchiveReference(request), name: request.name })),
      ...(program === undefined ? [] : [{ ...archive, name: program }]),
    ],
    files: files.map(({ kind, path, target, mode, archive: own }) => ({
      kind,
      path,
      target,
      mode,
      archive: own && toArchiveReference(own),
    })),
    ...(options.fromImage !== undefined && {
      base: toBaseImage(options.fromImage, options.inherit ?? "all", architecture),
    }),
    outputs,
    mentioned: mentions.requests.map((request) => ({ ...toArchiveReference(request), name: request.name })),
    ...(options.includeNixDB === true && { includeNixDB: true }),
    ...(options.includeStorePaths === false && { includeStorePaths: false }),
    ...describeOwner(options),
    ...(options.mtime !== undefined && { mtimeSeconds: parseCreated(options.mtime) }),
    commands,
    declared: describeDeclared(options),
    graph: collectGraph([...outputs, ...(commands?.inputs ?? [])]),
    archive,
    config: normalized,
    closure: options.closure ?? "inferred",
    minimal: options.minimal,
    keep: [...(options.keep ?? [])],
    drop: [...(options.drop ?? [])],
    forbid: [...(options.forbid ?? [])],
    createdSeconds: created === undefined ? undefined : parseCreated(created),
    maxLayers,
    planner: options.planner,
    ...(layers.length > 0 && { layers }),
    layeringPipeline: options.layeringPipeline,
    compression,
    compressionLevel: level,
  };
}

function describeOwner({
  uid,
  gid,
  uname,
  gname,
}: LayeredImageOptions): Pick<ImageSpec, "storeOwner"> | undefined {
  if ([uid, gid, uname, gname].every((one) => one === undefined)) return undefined;
  return { storeOwner: { uid: uid ?? 0, gid: gid ?? 0, uname: uname ?? "root", gname: gname ?? "root" } };
}

function badOption(option: string, value: unknown, expected: string): OptionError {
  return new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(value)} as buildLayeredImage's "${option}": ${expected} was expected`,
  );
}

function checkName(name: string | undefined, tag: string): void {
  if (name === undefined) throw badOption("name", name, "a string");
  if (!NAME.test(name) || name.length > 255) {
    throw badOption("name", name, "lower-case letters and digits with single . _ - / between them");
  }
  if (!TAG.test(tag))
    throw badOption("tag", tag, "at most 128 letters, digits and . _ - (the first no . or -)");
}

function checkPipeline({ layeringPipeline }: LayeredImageOptions): void {
  const problem = layeringPipeline && layeringPipelineProblem(layeringPipeline);
  if (problem === undefined) return;
  throw new OptionError("BAD_OPTION", `Cannot use buildLayeredImage's "layeringPipeline": ${problem}`);
}

interface Compression {
  readonly name: CompressionName;
  readonly level?: number;
}

function chooseCompression({ compression, compressor }: LayeredImageOptions): Compression {
  if (compressor !== undefined) {
    if (compression !== undefined)
      throw badOption("compressor", compressor, "either compression or compressor, not both,");
    return { name: COMPRESSORS[compressor] };
  }
  const chosen: Compression = typeof compression === "object" ? compression : { name: compression ?? "zstd" };
  const { name, level } = chosen;
  if (level !== undefined && !COMPRESSION_LEVELS[name].includes(level))
    throw badOption("compression.level", level, `${describeLevels(name)} for ${name}`);
  return chosen;
}

/** What is reached from the command line can be found only when there is one, and when files are looked at at all. */
function checkMinimal(
  closure: LayeredImageOptions["closure"],
  { Entrypoint = [], Cmd = [] }: NormalizedImageConfig,
  files: readonly LocalFile[],
): void {
  if (closure === "declared") throw badOption("minimal", "files", 'closure: "inferred"');
  if (Entrypoint.length + Cmd.length + files.length > 0) return;
  throw badOption("minimal", "files", "an Entrypoint or Cmd in config, from which files are reached,");
}

function toPlacedOutput(content: Output | PlacedOutput): PlacedOutput {
  const { node, output } = content;
  return { kind: "output", node, output, placement: "placement" in content ? content.placement : "linked" };
}

/** Each output at each of its places once. */
function distinct(outputs: readonly PlacedOutput[]): PlacedOutput[] {
  const keys = new Map(outputs.map((one) => [[one.node, one.output, one.placement].join(" "), one]));
  return [...keys.values()];
}

/** What a configuration mentions that is not in the image anyhow. */
function unplaced(mentioned: readonly OutputReference[], placed: readonly PlacedOutput[]): PlacedOutput[] {
  return mentioned
    .filter(
      ({ node, output }) =>
        !placed.some(
          (other) => other.node === node && other.output === output && !other.placement.startsWith("/"),
        ),
    )
    .map((reference) => ({ ...reference, placement: "store" }));
}

/** What the image file says, or of several that for which it is evaluated; undefined where that is not known yet. */
function chooseArchitecture({
  architecture,
  architectures,
}: Pick<LayeredImageOptions, "architecture" | "architectures">): Architecture | undefined {
  if (architectures === undefined) return architecture;
  if (architecture !== undefined) {
    throw new OptionError("BAD_OPTION", "Cannot use both architecture and architectures: they say the same", {
      hint: "Leave out architecture",
    });
  }
  const chosen = chosenArchitecture();
  if (chosen !== undefined && !architectures.includes(chosen)) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot make the image for ${chosen}: its architectures are ${architectures.join(", ")}`,
    );
  }
  return chosen ?? architectures.find((one) => one === machineArchitecture());
}

/** What of an archive, or of something asked of it, is data. */
function toArchiveReference({ source, scope, mirrors }: ArchiveReference): ArchiveReference {
  return { source, scope, mirrors };
}

/** All that is in an image is for one architecture. */
function checkArchitectures(
  architecture: Architecture,
  packages: readonly Request[],
  files: readonly LocalFile[],
  archive: ArchiveReference,
): void {
  const parts = [
    ...packages.map(({ name, scope }) => ({ what: name, scope })),
    ...files.flatMap(({ target, archive: own }) =>
      own === undefined ? [] : [{ what: `what ${target} needs`, scope: own.scope }],
    ),
    { what: "packages of the archive", scope: archive.scope },
  ];
  for (const { what, scope } of parts) {
    if (scope.architecture === architecture) continue;
    throw new OptionError(
      "BAD_OPTION",
      `Cannot put ${what} for ${scope.architecture} into an image for ${architecture}`,
      { hint: `Ask for ${architecture} packages: debian(suite, { architecture: "${architecture}" })` },
    );
  }
}
