// A path → the image that it describes: an image file evaluated, for each of its architectures, or a program, which makes
// an image of its own.

import { dirname, join, resolve as resolvePath } from "node:path";
import type { Architecture, ImageSpec } from "../model/image-spec.ts";
import { pathKind, readStart } from "../platform/files.ts";

export interface Evaluated {
  /** Absolute path of the image file. */
  readonly file: string;
  /** Absolute path of the lock beside it, which may not exist yet. */
  readonly lockFile: string;
  readonly spec: ImageSpec;
  /** One for each architecture that the image is for; `spec` is among them. */
  readonly specs: readonly ImageSpec[];
  /** The files whose text was evaluated; known only where a round was asked for. */
  readonly modules: readonly string[];
}

/** The platform of an image, of several. */
export interface PlatformChoice {
  readonly architecture: string;
  readonly variant?: string | undefined;
}

export interface EvaluationOptions {
  /** Which of the images is meant. Default: that for this machine, else the first. */
  readonly platform?: PlatformChoice | undefined;
  /** Evaluated anew in each round, with the user's own modules that the image file imports. */
  readonly round?: number | undefined;
}

export interface AdjustOptions {
  /** Changes what the image file says. */
  readonly adjust?: ((spec: ImageSpec) => ImageSpec) | undefined;
}

/**
 * Evaluates what a path means: an image file (itself, or `image.ts` in the directory), or a program, which makes an
 * image of its own with a lock of its own beside it.
 */
export async function evaluate(path: string, options: EvaluationOptions = {}): Promise<Evaluated> {
  const { platform } = options;
  if (isProgramFile(path)) {
    const { describeProgram } = await import("../evaluate/program-file.ts");
    const file = resolvePath(path);
    const spec = describeProgram(file);
    await refuseOtherPlatform(spec, platform);
    return { file, lockFile: `${file}.tare.lock`, spec, specs: [spec], modules: [] };
  }
  const { findImageFile, evaluateImageFile, listImageModules } = await import("../evaluate/image-file.ts");
  const file = findImageFile(path);
  const round = { round: options.round };
  const asked = { ...round, architecture: platform && toArchitecture(platform) };
  const first = await evaluateImageFile(file, asked);
  await refuseOtherPlatform(first, platform);
  const isKnown = (architecture: Architecture) => architecture === first.architecture;
  const architectures = first.architectures ?? [first.architecture];
  const specs: ImageSpec[] = [];
  for (const architecture of architectures) {
    specs.push(isKnown(architecture) ? first : await evaluateImageFile(file, { ...round, architecture }));
  }
  const modules = [asked, ...architectures.map((architecture) => ({ ...round, architecture }))];
  return {
    file,
    lockFile: join(dirname(file), "tare.lock"),
    spec: specs.find(({ architecture }) => isKnown(architecture)) ?? specs[0]!,
    specs,
    modules: [...new Set([file, ...modules.flatMap(listImageModules)])],
  };
}

/** Evaluates what a command is about: for one platform where one is asked for, with what the command line changes. */
export async function evaluateFor(
  target: string,
  { platform, round, adjust = (spec) => spec }: EvaluationOptions & AdjustOptions,
): Promise<Evaluated> {
  const evaluated = await evaluate(target, { platform, round });
  const spec = adjust(evaluated.spec);
  const specs = evaluated.specs.map((one) => (one === evaluated.spec ? spec : adjust(one)));
  return { ...evaluated, spec, specs: platform === undefined ? specs : [spec] };
}

/** Undefined for what no image can be made for; that is refused when it is known what the image is for. */
function toArchitecture({ architecture }: PlatformChoice): Architecture | undefined {
  return architecture === "amd64" || architecture === "arm64" ? architecture : undefined;
}

async function refuseOtherPlatform(spec: ImageSpec, platform: PlatformChoice | undefined): Promise<void> {
  if (platform === undefined || spec.architecture === platform.architecture) return;
  const { EvaluateError } = await import("../evaluate/errors.ts");
  throw new EvaluateError(
    "OTHER_PLATFORM",
    `Cannot make ${spec.name} for linux/${platform.architecture}: it is for linux/${(spec.architectures ?? [spec.architecture]).join(" and linux/")}`,
    { hint: 'Leave out the architecture in the image file, or say architectures: ["amd64", "arm64"]' },
  );
}

/** The user's own files that were evaluated in a round, also in one that ended with an error. */
export async function listRoundModules(path: string, round: number): Promise<readonly string[]> {
  const { findImageFile, listImageModules } = await import("../evaluate/image-file.ts");
  return isProgramFile(path) ? [resolvePath(path)] : [findImageFile(path), ...listImageModules({ round })];
}

/** Whether a path is a program, not an image file: by its first bytes. */
export function isProgramFile(path: string): boolean {
  if (/\.[cm]?[jt]s$/.test(path) || pathKind(path) !== "file") return false;
  return /^(?:\x7fELF|#!)/.test(readStart(path, 4).toString("latin1"));
}
