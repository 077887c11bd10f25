// Pins → store objects: a package as `npm install --global` lays it out below /usr/local; of Node's own packages the
// program, and its headers for builds.

import type { Integrity } from "../../formats/npm/integrity.ts";
import { parseIntegrity } from "../../formats/npm/integrity.ts";
import type { NodeModulesPlan } from "../../formats/npm/layout.ts";
import { isPackageName } from "../../formats/npm/names.ts";
import { NODE_PACKAGES } from "../../formats/npm/node-packages.ts";
import { toBytePath } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { LockSection, Pin } from "../../model/lock.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { createTree, type Tree, type TreeEntry } from "../../model/tree.ts";
import { removeFile } from "../../platform/files.ts";
import { fetchByHash } from "../../platform/network.ts";
import { type RegistryConfig, readRegistryConfig } from "./config.ts";
import { NpmError } from "./errors.ts";
import { layOut } from "./lay-out.ts";
import { openTarball, readCachedTarball } from "./tarball.ts";

/** Turns pins into store objects; see {@link Source.realise}. */
export async function realise(
  section: LockSection,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<StoreObject[]> {
  const config = readRegistryConfig(undefined, mirrors);
  const objects: StoreObject[] = [];
  for (const name of names) {
    const pin = findPin(section, name);
    objects.push(toStoreObject(pin, await readPackage(pin, config, context)));
  }
  return objects;
}

function findPin(section: LockSection, name: string): Pin {
  const wrong = (problem: string) =>
    new NpmError("BAD_PIN", `Cannot use the lock's package ${name}: ${problem}`, {
      hint: "Restore tare.lock from version control, or delete it and run tare lock",
    });
  const pin = Object.hasOwn(section.packages, name) ? section.packages[name] : undefined;
  if (pin === undefined) throw wrong("it is not there");
  if (pin.name !== name || !isPackageName(name)) throw wrong(`it names itself ${pin.name}`);
  if (!/^[0-9a-f]{64}$/.test(pin.sha256)) throw wrong("its sha256 is none");
  if (!Number.isSafeInteger(pin.size) || pin.size < 1) throw wrong("its size is none");
  return pin;
}

async function readPackage(pin: Pin, config: RegistryConfig, context: Context): Promise<Tree> {
  const label = `${pin.name} ${pin.version}`;
  const integrity: Integrity =
    pin.integrity === undefined
      ? { algorithm: "sha256", digests: [pin.sha256] }
      : parseIntegrity(pin.integrity, label);
  const cached = readCachedTarball(integrity, context);
  if (cached !== undefined) return cached;
  const stage = context.progress.stage("fetching");
  stage.expect(1, pin.size);
  const fetch = () =>
    fetchByHash(
      label,
      config.registriesOf(pin.name).map((base) => `${base}${pin.path}`),
      { ...integrity, maxSize: pin.size },
      context,
      (bytes) => stage.advance(0, bytes),
      (url) => config.headersOf(url),
    );
  const file = await fetch();
  const tree = await openTarball(label, file, integrity, context).catch(async (error: unknown) => {
    if (!(error instanceof NpmError) || error.code !== "INTEGRITY_MISMATCH") throw error;
    // A download is checked as it arrives: the copy in the cache has been damaged since.
    removeFile(file);
    return openTarball(label, await fetch(), integrity, context);
  });
  stage.done(label);
  return tree;
}

function toStoreObject(pin: Pin, tree: Tree): StoreObject {
  const { name, version, architecture } = pin;
  return {
    id: `npm/${name}/${version}/${architecture}`,
    label: `${name} ${version}`,
    placement: { kind: "at-root" },
    tree: NODE_PACKAGES.has(name) ? placeNode(tree) : placeGlobally(name, version, tree),
    declaredReferences: [],
  };
}

/** The program, its licence, and its headers, which only builds get to see: in images they are development files. */
function placeNode(tree: Tree): Tree {
  return createTree(
    tree.entries.flatMap((entry): TreeEntry[] => {
      const path = placeOfNode(entry.path);
      if (path === undefined || entry.type !== "file") return [];
      return [{ ...entry, path: toBytePath(path), mode: entry.path === "bin/node" ? 0o755 : 0o644 }];
    }),
  );
}

function placeOfNode(path: string): string | undefined {
  if (path === "bin/node") return "usr/local/bin/node";
  if (path === "LICENSE") return "usr/local/share/doc/node/LICENSE";
  return path.startsWith("include/node/") ? `usr/local/${path}` : undefined;
}

function placeGlobally(name: string, version: string, tree: Tree): Tree {
  const path = `lib/node_modules/${name}`;
  const plan: NodeModulesPlan = {
    manager: "npm",
    packages: [{ path, name, version, origin: undefined, hasInstallScript: undefined }],
    links: [],
    commands: [{ directory: "bin", via: path, path, commands: undefined }],
    warnings: [],
  };
  const trees = new Map([[path, tree]]);
  return layOut(plan, { trees, prefix: toBytePath("usr/local"), hasProjectFile: () => false });
}
