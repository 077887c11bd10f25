// What the builder `builtin:tree` makes: the JSON of its variable `tree` is a list of these, done in order.

export type TreeInstruction =
  | {
      readonly type: "file";
      /** Relative to the output; empty is the output itself. */
      readonly path: string;
      readonly text: string;
      readonly executable: boolean;
    }
  | {
      readonly type: "symlink";
      readonly path: string;
      readonly target: string;
    }
  | {
      /** Symbolic links to the files of several trees; directories are merged. */
      readonly type: "join";
      readonly paths: readonly string[];
      /** What happens when two trees have different files with one name. */
      readonly collisions: "first" | "error";
      /** True: a directory that only one tree has is one link. Default: false, links to each of its files. */
      readonly foldDirectories?: boolean;
      /** Directories of the trees that are linked. Default: all, `["/"]`. */
      readonly pathsToLink?: readonly string[];
      /** Directory of the output that everything goes to. Default: the output itself. */
      readonly prefix?: string;
    };
