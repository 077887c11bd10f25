// What images keep of the store: the objects in an image stay for as long as its file is there.

import type { StoreObject } from "../model/store-object.ts";
import { asStorePath } from "../model/store-path.ts";

/**
 * Keeps what an image has of the store from being collected, and lets go what it had before.
 *
 * @param imageFile Absolute path.
 * @param objects What is in the image.
 */
export async function keepObjects(imageFile: string, objects: readonly StoreObject[]): Promise<void> {
  const paths = objects.flatMap(({ id, storePath }) => asStorePath(storePath ?? id) ?? []);
  const { defaultStoreRoot, isStore } = await import("../platform/store/local-store.ts");
  if (paths.length === 0 && !isStore(defaultStoreRoot())) return;
  const { sharedStore } = await import("../platform/store/shared-store.ts");
  sharedStore().gcRoots.set(imageFile, [...new Set(paths)]);
}
