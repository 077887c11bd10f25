// A shell image and the derivation that it is of → the image with the variables and files of the derivation's builder.

import { BUILD_DIRECTORY, describeEnvironment } from "../build/environment.ts";
import type { BuildJob } from "../build/job.ts";
import type { DeclaredFile, ImageSpec } from "../model/image-spec.ts";

/** The cores that builds are told of before the shell has counted them: an image is the same on every machine. */
const CORES = 1;

/**
 * Describes a shell image with all that its derivation decides. What the image says of variables itself wins.
 *
 * @param job Of the derivation; its inputs are valid.
 */
export function describeShellImage(spec: ImageSpec, job: BuildJob): ImageSpec {
  const { variables, files } = describeEnvironment(job, CORES);
  const env = new Map(Object.entries(variables).map(([name, value]) => [name, `${name}=${value}`]));
  for (const entry of spec.config.Env ?? []) env.set(entry.replace(/=.*$/s, ""), entry);
  const owner = spec.config.User ?? "root";
  const own = [...files].map(
    ([name, bytes]): DeclaredFile => ({
      path: `${BUILD_DIRECTORY}/${name}`,
      text: bytes.toString("utf8"),
      mode: 0o644,
      owner,
    }),
  );
  const { users = [], directories = [], files: declared = [] } = spec.declared ?? {};
  return {
    ...spec,
    config: { ...spec.config, Env: [...env.values()] },
    declared: { users, directories, files: [...declared, ...own] },
  };
}
