// Pins → store objects: downloads in parallel, checked; what the cache holds is not fetched.

import type { Context } from "../../model/context.ts";
import type { LockSection } from "../../model/lock.ts";
import type { ProgressStage } from "../../model/progress.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { removeFile } from "../../platform/files.ts";
import { inParallel } from "../../platform/parallel.ts";
import { fetchFile, MirrorSet } from "./fetch.ts";
import { listArchivalMirrors, listMirrors, listSnapshotMirrors, type MirrorSettings } from "./mirrors.ts";
import { PackageError } from "./package-error.ts";
import { openPackage, readCachedPackage } from "./package-tree.ts";
import { type CheckedPin, checkSection } from "./pins.ts";
import type { DebianScope } from "./scope.ts";
import { readMirrorSettings } from "./settings.ts";

/** Servers do not like more from one client. */
const MOST_DOWNLOADS = 8;

/** Turns pins into store objects; see {@link Source.realise}. */
export async function realise(
  section: LockSection,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<StoreObject[]> {
  context.signal.throwIfAborted();
  const { scope, pins } = checkSection(section, names);
  const objects = pins.map(({ pin }) => readCachedPackage(pin, context));
  const missing = pins.flatMap((pin, index) => (objects[index] === undefined ? [{ pin, index }] : []));
  if (missing.length > 0) {
    const wanted = missing.map(({ pin }) => pin);
    const downloads = new Downloads(scope, readMirrorSettings(mirrors), wanted, context);
    const limit = Math.min(MOST_DOWNLOADS, Math.max(1, context.jobs) * 4);
    await inParallel(missing, limit, context.signal, async ({ pin, index }, signal) => {
      objects[index] = await downloads.open(pin, { ...context, signal });
    });
    downloads.done();
  }
  return objects.map((object, index) => ({ ...object!, declaredReferences: pins[index]!.references }));
}

/** The downloads of one command: where from, how far. */
class Downloads {
  readonly #scope: DebianScope;
  readonly #settings: MirrorSettings;
  readonly #pins: readonly CheckedPin[];
  readonly #stage: ProgressStage;
  /** By suite. */
  readonly #mirrors = new Map<string, MirrorSet>();

  constructor(scope: DebianScope, settings: MirrorSettings, pins: readonly CheckedPin[], context: Context) {
    this.#scope = scope;
    this.#settings = settings;
    this.#pins = pins;
    this.#stage = context.progress.stage("fetching");
    this.#stage.expect(pins.length, totalSize(pins));
  }

  async open(checked: CheckedPin, context: Context): Promise<StoreObject> {
    const object = await this.#openDownload(checked, context);
    this.#stage.advance(1);
    return object;
  }

  async #openDownload(checked: CheckedPin, context: Context): Promise<StoreObject> {
    const { pin } = checked;
    const file = await this.#fetch(checked, context);
    try {
      return await openPackage(pin, file, context);
    } catch (error) {
      if (!(error instanceof PackageError) || error.code !== "DEB_HASH_MISMATCH") throw error;
    }
    // A download is checked as it arrives: the copy in the cache has been damaged since.
    removeFile(file);
    this.#stage.advance(0, -pin.size);
    context.progress.note(`${pin.name} ${pin.version} is damaged in the cache and is fetched again`);
    return openPackage(pin, await this.#fetch(checked, context), context);
  }

  #fetch(checked: CheckedPin, context: Context): Promise<string> {
    const { pin } = checked;
    const what = `${pin.name} ${pin.version}`;
    return fetchFile(what, [pin.path], pin, this.#mirrorsOf(checked), context, (bytes) =>
      this.#stage.advance(0, bytes),
    );
  }

  #mirrorsOf({ pin, archive, suite, date }: CheckedPin): MirrorSet {
    let mirrors = this.#mirrors.get(pin.release);
    if (mirrors === undefined) {
      const { snapshot } = this.#scope;
      mirrors = new MirrorSet(
        snapshot === undefined
          ? [
              ...listMirrors({ archive, name: suite }, this.#settings),
              ...listArchivalMirrors(archive, date, this.#settings),
            ]
          : listSnapshotMirrors(archive, snapshot, this.#settings),
      );
      this.#mirrors.set(pin.release, mirrors);
    }
    return mirrors;
  }

  done(): void {
    const { length } = this.#pins;
    const megabytes = (totalSize(this.#pins) / 1e6).toFixed(1);
    this.#stage.done(`${length} package${length === 1 ? "" : "s"}, ${megabytes} MB`);
  }
}

function totalSize(pins: readonly CheckedPin[]): number {
  return pins.reduce((sum, { pin }) => sum + pin.size, 0);
}
