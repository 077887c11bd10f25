// What an image adds of its own: users, directories and files as data, and commands that change its root file system.

import { defaultArchive } from "../model/default-archive.ts";
import type { OutputReference } from "../model/derivation.ts";
import type {
  Architecture,
  ArchiveReference,
  DeclaredFiles,
  ImageCommands,
  Request,
} from "../model/image-spec.ts";
import { findMentions } from "../model/mentions.ts";
import { OptionError, type Rule, show, TEXT } from "../model/options.ts";
import { isRequest } from "./derivation.ts";

/** A user of the image; what is left out is as `useradd` has it. */
export interface UserOptions {
  readonly name: string;
  /** Default: that of the package's user of this name, else the next from 1000 on. */
  readonly uid?: number;
  /** Default: as `uid`, with a group of the user's name. */
  readonly gid?: number;
  /** Default: `/home/NAME`. */
  readonly home?: string;
  /** Default: true. */
  readonly createHome?: boolean;
  /** Default: `/usr/sbin/nologin`. */
  readonly shell?: string;
  readonly comment?: string;
  /** Further groups that it is in. */
  readonly groups?: readonly string[];
}

/** A directory of the image. */
export interface DirectoryOptions {
  /** An absolute path. */
  readonly path: string;
  /** Default: 0o755. */
  readonly mode?: number;
  /** `user` or `user:group`, by name or number. Default: `root`. */
  readonly owner?: string;
}

/** A file of the image with a text. */
export interface TextFileOptions extends DirectoryOptions {
  readonly text: string;
}

/** What an image adds of its own. */
export interface CustomisationOptions {
  /** Users that the image has beside those of its packages. */
  readonly users?: readonly UserOptions[];
  /** Directories that it has, or their modes and owners. */
  readonly directories?: readonly DirectoryOptions[];
  /** Files with a text; they win over packages' files. */
  readonly files?: readonly TextFileOptions[];
  /**
   * A bash script with the image's root as its working directory (write `./etc`, not `/etc`), run in the sandbox after
   * everything is in place. It sees Debian's Essential packages and `commandInputs`, not the image's programs.
   */
  readonly extraCommands?: string;
  /** The same; as in dockerTools the place for `chown`. Owners are kept in the layer. */
  readonly fakeRootCommands?: string;
  /** True: fakeRootCommands run in the image, as its root. Default: false. */
  readonly enableFakechroot?: boolean;
  /** A script that runs in the image as its root, with the image's programs and busybox's; before the others. */
  readonly runAsRoot?: string;
  /** Packages with the programs that extraCommands and fakeRootCommands use. */
  readonly commandInputs?: readonly Request[];
}

const isList = (accepts: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(accepts);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
const isPath = (value: unknown) =>
  typeof value === "string" &&
  /^\/[^\0]*$/.test(value) &&
  !value.split("/").some((part) => part === "." || part === "..");
const isMode = (value: unknown) =>
  value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0o7777);
const isId = (value: unknown) =>
  value === undefined ||
  (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 - 1);
const isOwner = (value: unknown) =>
  value === undefined ||
  (typeof value === "string" && /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/.test(value));
const isLine = (value: unknown) =>
  value === undefined || (typeof value === "string" && !/[:\n\0]/.test(value));

const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;
const isUserName = (value: unknown) => typeof value === "string" && USER_NAME.test(value);
/** What goes into a field of /etc/passwd, whose lines and fields end at `\n` and `:`. */
const isHome = (value: unknown) => value === undefined || (isPath(value) && isLine(value));

const SCRIPT: Rule = TEXT;

/** Rules of the options, for the functions that have them. */
export const CUSTOMISATION: Readonly<Record<keyof CustomisationOptions, Rule>> = {
  users: {
    expected: 'a list of users such as { name: "app", uid: 1000 }',
    accepts: isList(
      (user) =>
        isObject(user) &&
        hasOnly(user, ["name", "uid", "gid", "home", "createHome", "shell", "comment", "groups"]) &&
        isUserName(user["name"]) &&
        isId(user["uid"]) &&
        isId(user["gid"]) &&
        isHome(user["home"]) &&
        isLine(user["shell"]) &&
        isLine(user["comment"]) &&
        (user["groups"] === undefined || isList(isUserName)(user["groups"])) &&
        (user["createHome"] === undefined || typeof user["createHome"] === "boolean"),
    ),
  },
  directories: {
    expected: 'a list of directories such as { path: "/data", mode: 0o750, owner: "app" }',
    accepts: isList((item) => isObject(item) && hasOnly(item, ["path", "mode", "owner"]) && isPlaced(item)),
  },
  files: {
    expected: 'a list of files such as { path: "/etc/app.conf", text: "…" }',
    accepts: isList(
      (item) =>
        isObject(item) &&
        hasOnly(item, ["path", "mode", "owner", "text"]) &&
        isPlaced(item) &&
        typeof item["text"] === "string",
    ),
  },
  extraCommands: SCRIPT,
  fakeRootCommands: SCRIPT,
  enableFakechroot: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
  runAsRoot: SCRIPT,
  commandInputs: { expected: "a list of packages", accepts: isList(isRequest) },
};

function isPlaced(item: Record<string, unknown>): boolean {
  return isPath(item["path"]) && item["path"] !== "/" && isMode(item["mode"]) && isOwner(item["owner"]);
}

function hasOnly(value: object, names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name));
}

/** @throws {OptionError} `BAD_OPTION` for options that would change nothing. */
export function describeCommands(
  options: CustomisationOptions,
  archive: ArchiveReference | undefined,
  architecture: Architecture,
): ImageCommands | undefined {
  const { runAsRoot = "", extraCommands = "", fakeRootCommands = "", enableFakechroot = false } = options;
  if (enableFakechroot && fakeRootCommands === "")
    throw withoutEffect("enableFakechroot", "fakeRootCommands");
  if (runAsRoot === "" && extraCommands === "" && fakeRootCommands === "") {
    if ((options.commandInputs ?? []).length > 0)
      throw withoutEffect("commandInputs", "extraCommands or fakeRootCommands");
    return undefined;
  }
  const { source, scope, mirrors } = archive ?? defaultArchive(architecture);
  const mentions = findMentions([runAsRoot, extraCommands, fakeRootCommands]);
  const tools = ["bash", "busybox-static"].map((name) => ({ source, scope, mirrors, name }));
  const inputs = (options.commandInputs ?? []).map((request) => ({
    source: request.source,
    scope: request.scope,
    mirrors: request.mirrors,
    name: request.name,
  }));
  return {
    runAsRoot,
    extraCommands,
    fakeRootCommands,
    enableFakechroot,
    requests: [...tools, ...inputs],
    inputs: mentions.outputs.map(({ node, output }): OutputReference => ({ kind: "output", node, output })),
  };
}

function withoutEffect(option: string, other: string): OptionError {
  return new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(option)} without ${other}: it would change nothing`,
    { hint: `Give ${other}, or leave ${option} out` },
  );
}

/** Fills in what declarations leave out. */
export function describeDeclared({
  users,
  directories,
  files,
}: CustomisationOptions): DeclaredFiles | undefined {
  if (users === undefined && directories === undefined && files === undefined) return undefined;
  return {
    users: (users ?? []).map((user) => ({
      name: user.name,
      uid: user.uid,
      gid: user.gid,
      home: user.home ?? `/home/${user.name}`,
      createHome: user.createHome ?? true,
      shell: user.shell ?? "/usr/sbin/nologin",
      comment: user.comment,
      groups: [...(user.groups ?? [])],
    })),
    directories: (directories ?? []).map(({ path, mode = 0o755, owner = "root" }) => ({ path, mode, owner })),
    files: (files ?? []).map(({ path, text, mode = 0o644, owner = "root" }) => ({ path, text, mode, owner })),
  };
}
