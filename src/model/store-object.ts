// A store object: an immutable tree with a name, its placement in an image, and what its source knows of it.

import type { BytePath } from "./bytes.ts";
import type { Tree } from "./tree.ts";

/** Where the tree of a store object goes in an image. */
export type Placement =
  | { readonly kind: "at-root" }
  | { readonly kind: "in-store"; readonly storePath: string }
  | { readonly kind: "at-prefix"; readonly prefix: BytePath };

/** What dpkg would know of a package beside its files. */
export interface PackageMetadata {
  /** The kind of package, as package URLs name it. */
  readonly type: "deb";
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The fields of the control file, as written, names in their written case. */
  readonly control: ReadonlyMap<string, string>;
  /** Members of control.tar beside `control` as text (latin1): `postinst`, `conffiles`, `triggers`, `md5sums`… */
  readonly controlFiles: ReadonlyMap<string, string>;
}

export interface StoreObject {
  /** Unique in a build and stable between builds: for a package, `deb/<name>/<version>/<architecture>`. */
  readonly id: string;
  /** What people call it: `redis-server 5:7.0.15-1~deb12u6`. */
  readonly label: string;
  readonly placement: Placement;
  /** Paths are those of the source; of objects of a store they start at the store path until they are placed. */
  readonly tree: Tree;
  /** Ids of the store objects that this one declares to need, in the order of their declaration. */
  readonly declaredReferences: readonly string[];
  /** For what a store has and the image has at a place of its own: its store path. */
  readonly storePath?: string | undefined;
  /** For objects of a store: whether its own hash is in its bytes, so that it works at its store path alone. */
  readonly refersToItself?: boolean | undefined;
  /** For what is built: nothing went in that is edited from build to build, but locks and packages alone. */
  readonly stable?: boolean | undefined;
  /** Its files take the place of other objects' at the same paths: a file of the user's own. */
  readonly overrides?: boolean | undefined;
  /** Absent for objects that are no package. */
  readonly package?: PackageMetadata | undefined;
}
