// What commands are about: an image of any tool that lies somewhere, or one that is built first → opened, verified, run,
// loaded into an engine, written as a tree.

import { join, resolve as resolvePath } from "node:path";
import type { VerifiedImage } from "../inspect/verify-image.ts";
import type { RootProblem } from "../inspect/verify-root/problem.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { type BuildOptions, buildImage } from "../pipeline.ts";
import { pathKind } from "../platform/files.ts";
import type { EngineName } from "../run/engines.ts";
import type { LoadedImage } from "../run/load.ts";
import type { RunOptions } from "../run/options.ts";
import {
  type AdjustOptions,
  type Evaluated,
  type EvaluationOptions,
  evaluateFor,
  isProgramFile,
} from "./evaluate.ts";
import { recoverDamage } from "./repair.ts";
import { verifyForeignRoot } from "./verify.ts";

/** An image, what its digests and sizes are in truth, and whether its programs could start. */
export interface VerifiedTarget extends VerifiedImage {
  readonly image: Image;
  /** Of the files in it; none are looked for in an image whose bytes are wrong. */
  readonly rootProblems: readonly RootProblem[];
}

/**
 * Derives every digest and size of an image again from its bytes, and checks that its programs would load; each layer
 * is read once.
 *
 * @param target An image of any tool on this machine, or what {@link evaluate} takes: then the image that is built of it.
 */
export async function verifyTarget(
  target: string,
  options: BuildOptions,
  context: Context,
): Promise<VerifiedTarget> {
  const [{ verifyImage }, { ImageRoot }, { parseSubject }] = await Promise.all([
    import("../inspect/verify-image.ts"),
    import("../inspect/image-root.ts"),
    import("../inspect/verify-root/subject.ts"),
  ]);
  const image = await openTarget(target, options, context);
  using reading = new ImageRoot(context);
  const verified = await verifyImage(image, context, reading);
  if (verified.problems.length > 0) return { ...verified, image, rootProblems: [] };
  using root = reading.finish();
  return {
    ...verified,
    image,
    rootProblems: await verifyForeignRoot(root, parseSubject(image.config), context),
  };
}

/**
 * Writes the root file system of an image, of an image file or of any tool, as one tar.
 *
 * @param options `output`: a file, or `-`.
 * @returns Bytes written.
 */
export async function exportTarget(
  target: string,
  options: BuildOptions & { readonly output: string },
  context: Context,
): Promise<number> {
  const image = await openTarget(target, options, context);
  const { prepareRootTar, writeRoot } = await import("./root-tar.ts");
  if (options.output !== "-") {
    return (await writeRoot(image, resolvePath(options.output), context)).bytesWritten;
  }
  const write = await prepareRootTar(image, context);
  const { StandardOutput } = await import("../platform/output.ts");
  using output = new StandardOutput();
  return await write(output);
}

/** The image that a target names, or that is built of it. */
async function openTarget(
  target: string | Evaluated,
  options: BuildOptions & AdjustOptions,
  context: Context,
): Promise<Image> {
  if (typeof target !== "string") return (await buildImage(target, options, context)).image;
  return isImageReference(target)
    ? (await import("../sources/oci/open.ts")).openImage(target, context, options)
    : (await buildImage(await evaluateFor(target, options), options, context)).image;
}

export interface RunTargetOptions extends BuildOptions {
  readonly run: RunOptions;
  /** Called when the image is there, before its program gets the terminal. */
  readonly beforeStart: () => void;
}

/** Starts an image: one that lies somewhere, or the one that an image file describes. */
export async function runTarget(
  target: string | Evaluated,
  options: RunTargetOptions,
  context: Context,
): Promise<{ readonly exitCode: number; readonly runtime: string }> {
  const { runImage } = await import("../run/run.ts");
  const image = await openTarget(target, options, context);
  options.beforeStart();
  return runImage(image, options.run, context);
}

export interface LoadTargetOptions extends BuildOptions, AdjustOptions, EvaluationOptions {
  /** Default: the first that is installed. */
  readonly engine?: EngineName | undefined;
  /** What the engine shall call the image. Default: its own name and tag. */
  readonly names?: readonly string[] | undefined;
}

export interface LoadedTarget {
  readonly image: Image;
  readonly names: readonly string[];
  readonly loaded: LoadedImage;
}

/** Loads an image into podman or docker: one that lies somewhere, or the one that an image file describes. */
export async function loadTarget(
  target: string | Evaluated,
  options: LoadTargetOptions,
  context: Context,
): Promise<LoadedTarget> {
  const { checkEngine, chooseEngine, loadImage } = await import("../run/load.ts");
  const engine = chooseEngine(options.engine);
  await checkEngine(engine, context);
  return recoverDamage(context, async () => {
    const image = await openTarget(target, options, context);
    const names = options.names ?? [`${image.name}:${image.tag}`];
    return { image, names, loaded: await loadImage(image, engine, names, context) };
  });
}

/** Whether a target names an image, not an image file or a program: by its transport, or by what is at the path. */
export function isImageReference(target: string): boolean {
  if (/^(?:oci|oci-archive|docker-archive|docker):/.test(target)) return true;
  const kind = pathKind(target);
  return kind === "directory"
    ? pathKind(join(target, "oci-layout")) !== undefined
    : kind === "file" && !/\.[cm]?[jt]s$/.test(target) && !isProgramFile(target);
}
