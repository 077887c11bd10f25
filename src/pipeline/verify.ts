// A root file system → whether its programs could start, and which packages would bring what they lack.

import type { RootView } from "../inspect/root-view.ts";
import type { RootProblem } from "../inspect/verify-root/problem.ts";
import type { AskArchive } from "../inspect/verify-root/providers.ts";
import type { RootSubject } from "../inspect/verify-root/subject.ts";
import type { BytePath } from "../model/bytes.ts";
import type { Closure } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import { TareError } from "../model/errors.ts";
import type { ArchiveReference } from "../model/image-spec.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import type { Realised } from "./realise.ts";
import { loadSource } from "./sources.ts";

/**
 * Checks the root file system of an image that is being planned.
 *
 * @throws {VerifyRootError} `ROOT_INCOMPLETE`.
 */
export async function verifyPlan(
  { spec, objects }: Realised,
  { droppedScripts }: Closure,
  rootFileSystem: RootFileSystem,
  context: Context,
): Promise<{ readonly warnings: RootProblem[]; readonly contentsRead: ReadonlySet<BytePath> }> {
  const [{ verifyRoot }, { nameProviders }, { refuseErrors }, { viewRootFileSystem }, { createPromises }] =
    await Promise.all([
      import("../inspect/verify-root/verify-root.ts"),
      import("../inspect/verify-root/providers.ts"),
      import("../inspect/verify-root/refuse.ts"),
      import("../inspect/root-view.ts"),
      import("../inspect/verify-root/promises.ts"),
    ]);
  using view = viewRootFileSystem(rootFileSystem);
  const isPromised = createPromises({ objects, units: rootFileSystem.units, droppedScripts });
  const problems = await verifyRoot(
    view,
    { architecture: spec.architecture, config: spec.config },
    { isPromised },
    context,
  );
  const isRefused = problems.some(({ severity }) => severity === "error");
  // The archive is asked only when the build ends with it: what packages suggest lacks in every installation.
  const named = await nameProviders(
    problems,
    objects,
    isRefused ? askArchive(spec.archive, false, context) : undefined,
  );
  refuseErrors(spec.name, named);
  return { warnings: named, contentsRead: view.contentsRead };
}

/** Checks a root file system of which nothing is known but itself. */
export async function verifyForeignRoot(
  root: RootView,
  subject: RootSubject,
  context: Context,
): Promise<RootProblem[]> {
  const [{ verifyRoot }, { nameProviders }, { findDebianRelease }, { defaultArchive }] = await Promise.all([
    import("../inspect/verify-root/verify-root.ts"),
    import("../inspect/verify-root/providers.ts"),
    import("../inspect/debian-release.ts"),
    import("../model/default-archive.ts"),
  ]);
  const problems = await verifyRoot(root, subject, {}, context);
  const { architecture } = subject;
  const suite = findDebianRelease(root);
  if (suite === undefined || (architecture !== "amd64" && architecture !== "arm64")) return problems;
  const archive = defaultArchive(architecture);
  const ofImage = { ...archive, scope: { ...archive.scope, suite } };
  return nameProviders(problems, [], askArchive(ofImage, true, context));
}

/** Asks an archive who ships files; that it cannot be asked is no reason to say less than is known. */
function askArchive(archive: ArchiveReference, cachedOnly: boolean, context: Context): AskArchive {
  return async (requests) => {
    const { source, scope, mirrors } = archive;
    try {
      const found = (await loadSource(source)).findProviders?.(scope, requests, mirrors, context, cachedOnly);
      return (await found) ?? new Map();
    } catch (error) {
      if (!(error instanceof TareError)) throw error;
      if (!cachedOnly)
        context.progress.note(`the archive could not be asked for what is missing: ${error.message}`);
      return new Map();
    }
  };
}
