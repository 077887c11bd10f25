// A package.json with a lock of npm or pnpm.

import { guessStart } from "../../../evaluate/apps/node-start.ts";
import { type Manifest, parseManifest } from "../../../formats/npm/manifest.ts";
import { listWorkspaces } from "../../../sources/npm/workspaces.ts";
import type { ProjectDirectory } from "../directory.ts";
import { NotReadyError, type Recogniser } from "../recogniser.ts";

const LOCKS = ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml"];

export const recogniser: Recogniser = {
  rank: 20,
  recognise(directory) {
    const text = directory.read("package.json");
    if (text === undefined) return undefined;
    const manifest = parseManifest(text, "package.json");
    const lock = LOCKS.find((name) => directory.has(name));
    if (lock === undefined && needsLock(manifest)) {
      const other = ["yarn.lock", "bun.lock", "bun.lockb"].find((name) => directory.has(name));
      throw new NotReadyError(
        `it has a package.json and ${other === undefined ? "no lock" : `${other}, which Tare does not read`}`,
        "Run npm install --package-lock-only, and commit package-lock.json",
      );
    }
    const { entry, notes } = findEntry(directory, manifest);
    return {
      what: `a Node project with ${lock ?? "package.json and no dependencies"}`,
      name: manifest.name,
      imports: ["nodeApp", "path"],
      setup: [
        entry === undefined
          ? 'const app = nodeApp({ src: path(".") });'
          : `const app = nodeApp({ src: path("."), entry: ${JSON.stringify(entry)} });`,
      ],
      config: { Entrypoint: "app.entrypoint", WorkingDir: "app.directory" },
      unprivileged: true,
      notes,
    };
  },
};

function needsLock({ dependencies, devDependencies, optionalDependencies }: Manifest): boolean {
  return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).length > 0;
}

/** The file to start where nodeApp() would not find it: that of the first workspace that starts one. */
function findEntry(
  directory: ProjectDirectory,
  manifest: Manifest,
): { readonly entry?: string; readonly notes: readonly string[] } {
  if (startOf(directory, "", manifest) !== undefined) return { notes: [] };
  const startable = listWorkspaces(directory.path, manifest.workspaces).flatMap((path) => {
    const text = directory.read(`${path}/package.json`);
    const start = text === undefined ? undefined : startOf(directory, path, parseManifest(text, path));
    return start === undefined ? [] : [{ path, entry: `${path}/${start}` }];
  });
  const [first, ...others] = startable;
  if (first === undefined) {
    throw new NotReadyError(
      "nothing in package.json says what is started",
      'Add a start script of the form "node FILE" to package.json',
    );
  }
  const notes = [
    `starts the workspace ${first.path}`,
    ...(others.length === 0
      ? []
      : [`other workspaces that start something: ${others.map(({ path }) => path).join(", ")}`]),
  ];
  return { entry: first.entry, notes };
}

function startOf(directory: ProjectDirectory, path: string, manifest: Manifest): string | undefined {
  const isBuilt = Object.hasOwn(manifest.scripts, "build");
  const exists = (file: string) =>
    directory.has(path === "" ? file : `${path}/${file}`) || (isBuilt && file === manifest.main);
  return guessStart(manifest, exists)?.file;
}
