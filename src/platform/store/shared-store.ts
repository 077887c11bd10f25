// The stores that this process has open: one each, until it ends, so that what it uses is not collected meanwhile.

import { defaultStoreRoot, LocalStore } from "./local-store.ts";

const stores = new Map<string, LocalStore>();

/** The store at a root, opened once; nobody disposes of it. */
export function sharedStore(root: string = defaultStoreRoot()): LocalStore {
  let store = stores.get(root);
  if (store === undefined) {
    store = new LocalStore(root);
    stores.set(root, store);
    process.once("exit", () => store![Symbol.dispose]());
  }
  return store;
}
