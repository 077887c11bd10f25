// tare store: the store of built, fetched and imported paths: looking, checking, cleaning, and moving paths in and out.

import { basename, join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type HashAlgorithm, isHashAlgorithm } from "../../formats/nix/hash.ts";
import { asStorePath, STORE_DIR, type StorePath, splitStorePath } from "../../model/store-path.ts";
import type { CompressionMethod } from "../../platform/compress.ts";
import { pathKind, readRange } from "../../platform/files.ts";
import { type ByteOutput, isStdoutTerminal, StandardOutput, TemporaryFile } from "../../platform/output.ts";
import { readStandardInput } from "../../platform/standard-input.ts";
import { defaultStoreRoot, isStore, LocalStore } from "../../platform/store/local-store.ts";
import { StoreCommandError } from "../../store/errors.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addCommonOptions, addExamples } from "../options.ts";
import {
  describeInfo,
  describeSteps,
  formatGarbage,
  formatInfo,
  formatList,
  formatSteps,
  formatVerified,
} from "../store-report.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "look at, check, clean and share the store of built and fetched paths";

interface StoreOptions extends CommonOptions {
  readonly store?: string;
}

type Action<Options> = (
  store: LocalStore,
  args: readonly string[],
  options: StoreOptions & Options,
) => Promise<void>;

export function configure(command: Command, host: Host): void {
  addExamples(
    command,
    ["tare store ls", "everything in the store"],
    ["tare store gc --dry-run", "what no image needs any more"],
    ["tare store push file:///srv/cache --key cache.key image.ts", "share what an image was built from"],
  );
  for (const add of [
    addLook,
    addInfo,
    addWhy,
    addVerify,
    addGc,
    addOptimise,
    addAdd,
    addMove,
    addPush,
    addKey,
  ])
    add(command, host);
  command.action(() => command.help({ error: true }));
}

/** Adds one subcommand; its store is opened, and closed when it has ended. */
function define<Options>(
  parent: Command,
  usage: string,
  text: string,
  action: Action<Options>,
  create = false,
): Command {
  const command = parent
    .command(usage)
    .summary(text)
    .description(`${text[0]!.toUpperCase()}${text.slice(1)}.`)
    .addOption(
      new Option("--store <dir>", "the store's root (default: $TARE_STORE, or in the data directory)"),
    );
  command.action(async () => {
    const options = command.optsWithGlobals<StoreOptions & Options>();
    using store = openStore(options.store, create);
    await action(store, command.args, options);
  });
  return addCommonOptions(command).exitOverride();
}

function openStore(given: string | undefined, create: boolean): LocalStore {
  const root = resolve(given ?? defaultStoreRoot());
  if (create || isStore(root)) return new LocalStore(root);
  throw new StoreCommandError("STORE_MISSING", `Cannot open the store ${root}: there is none`, {
    hint: "Builds, tare store add and tare store import make one; --store DIR and TARE_STORE name another",
  });
}

function badArgument(message: string): StoreCommandError {
  return new StoreCommandError("BAD_ARGUMENT", message, { hint: "See tare store --help" });
}

/** A store path as people write it: itself, what is below it, its name, or where it really is. */
function parsePath(store: LocalStore, text: string): StorePath {
  const place = text.startsWith(`${store.root}${STORE_DIR}/`) ? text.slice(store.root.length) : text;
  const path = splitStorePath(place)?.storePath ?? asStorePath(`${STORE_DIR}/${text}`);
  if (path !== undefined) return path;
  throw badArgument(`Cannot use "${text}": it is no store path, /nix/store/HASH-NAME was expected`);
}

function parsePaths(store: LocalStore, texts: readonly string[]): StorePath[] {
  return texts.map((text) => parsePath(store, text));
}

function addLook(parent: Command, host: Host): void {
  const command = define<{ closure?: boolean }>(
    parent,
    "ls [paths...]",
    "list valid paths with their sizes",
    async (store, args, options) => {
      const paths = parsePaths(store, args);
      const infos =
        paths.length === 0
          ? store.database.all()
          : options.closure
            ? store.closure(paths)
            : paths.map((path) => store.query(path));
      const values = infos.map(({ path, narSize, references }) => ({ path, narSize, references }));
      host.print(options, values, formatList(infos));
    },
  ).option("--closure", "with all that the paths refer to");
  addExamples(command, ["tare store ls --closure /nix/store/…-app", "all that an app needs"]);
}

function addInfo(parent: Command, host: Host): void {
  const command = define(
    parent,
    "info <paths...>",
    "show all that is known of paths: hash, sizes, references, who refers to them, signatures",
    async (store, args, options) => {
      const infos = parsePaths(store, args).map((path) => store.query(path));
      host.print(
        options,
        infos.map((info) => describeInfo(info, store)),
        infos.map((info) => formatInfo(info, store)).join("\n\n"),
      );
    },
  );
  addExamples(command, ["tare store info /nix/store/…-app", "as nix path-info does"]);
}

function addWhy(parent: Command, host: Host): void {
  const command = define<{ all?: boolean }>(
    parent,
    "why-depends <path> <dependency>",
    "show the shortest chain from a path to one that it needs, with the files that mention it",
    async (store, args, options) => {
      const { explainDependency } = await import("../../store/why-depends.ts");
      const [from, to] = parsePaths(store, args);
      const steps = await explainDependency(from!, to!, store, host.signal);
      host.print(options, describeSteps(steps), formatSteps(from!, steps, options.all === true));
    },
  ).option("--all", "all files of each step that mention the next");
  addExamples(command, ["tare store why-depends /nix/store/…-app /nix/store/…-gcc", "what of app names gcc"]);
}

function addVerify(parent: Command, host: Host): void {
  const command = define<{ repair?: boolean }>(
    parent,
    "verify [paths...]",
    "read paths again and compare them with what is registered",
    async (store, args, options) => {
      const { verifyStore } = await import("../../store/verify.ts");
      const paths = args.length === 0 ? undefined : parsePaths(store, args);
      const repair = options.repair === true;
      const verified = await verifyStore(store, { paths, repair }, host.context(options));
      host.print(options, verified, formatVerified(verified));
      if (verified.problems.length > 0 && !repair) process.exitCode = 1;
    },
  ).option("--repair", "make damaged paths, and what refers to them, invalid, so that they are made anew");
  addExamples(
    command,
    ["tare store verify", "check everything; the exit status says whether all is well"],
    ["tare store verify --repair", "take out what is damaged; the next build makes it anew"],
  );
}

function addGc(parent: Command, host: Host): void {
  const command = define<{ dryRun?: boolean; max?: number }>(
    parent,
    "gc",
    "remove paths that no image and no root needs",
    async (store, _args, options) => {
      const { collectGarbage } = await import("../../store/gc.ts");
      const gc = { dryRun: options.dryRun === true, max: options.max };
      const result = await collectGarbage(store, gc, host.context(options));
      host.print(options, result, formatGarbage(result));
    },
  )
    .option("--dry-run", "only say what would be removed")
    .addOption(
      new Option("--max <size>", "stop when paths of this size are removed, such as 500M").argParser(
        parseSize,
      ),
    );
  addExamples(
    command,
    ["tare store gc", "what images that still have their image.ts need stays"],
    ["tare store gc --max 2G", "make room for about 2 GB"],
  );
}

function parseSize(text: string): number {
  const match = /^(\d{1,12})([kMGT]?)B?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError("A size such as 500M or 2G was expected.");
  return Number(match[1]) * 1000 ** ["", "k", "m", "g", "t"].indexOf(match[2]!.toLowerCase());
}

function addOptimise(parent: Command, host: Host): void {
  define(
    parent,
    "optimise",
    "make equal files hard links of each other, as nix-store --optimise does",
    async (store, _args, options) => {
      const { optimiseStore } = await import("../../store/optimise.ts");
      const result = await optimiseStore(store, host.context(options));
      const text = `${count(result.linked, "file")} of ${result.files} linked, ${formatBytes(result.saved)} saved`;
      host.print(options, result, text);
    },
  ).alias("optimize");
}

function addAdd(parent: Command, host: Host): void {
  const command = define<{ name?: string; flat?: boolean; hash: HashAlgorithm; root?: string }>(
    parent,
    "add <files...>",
    "copy files or directories into the store, named by their content",
    async (store, args, options) => {
      if (options.name !== undefined && args.length > 1)
        throw badArgument("Cannot add several files with one --name: it is for one file alone");
      const method = options.flat ? "flat" : "recursive";
      const paths: StorePath[] = [];
      for (const file of args) {
        const name = options.name ?? basename(resolve(file));
        const source = { method, algorithm: options.hash, signal: host.signal } as const;
        paths.push(await store.addSource(name, resolve(file), source));
      }
      if (options.root !== undefined) store.gcRoots.addLink(options.root, paths[0]!);
      host.print(options, paths, paths.join("\n"));
    },
    true,
  )
    .option("--name <name>", "the end of the store path's name (default: that of the file)")
    .option("--flat", "by the contents of a plain file alone, as nix-store --add-fixed does")
    .option("--recursive", "by the whole tree with names and modes, as nix-store --add does (default)")
    .option("--root <link>", "make a link to the first path, which keeps it from being collected")
    .addOption(
      new Option("--hash <algorithm>", "sha256, sha512, sha1 or md5").default("sha256").argParser((text) => {
        if (isHashAlgorithm(text)) return text;
        throw new InvalidArgumentError("sha256, sha512, sha1 or md5 was expected.");
      }),
    );
  addExamples(
    command,
    ["tare store add ./data", "the path that nix-store --add gives"],
    ["tare store add --flat --hash sha1 source.tar.gz", "the path that fetchurl gives"],
  );
}

function addMove(parent: Command, host: Host): void {
  const exporting = define<{ closure?: boolean; output?: string }>(
    parent,
    "export <paths...>",
    "write paths as one stream that nix-store --import reads",
    async (store, args, options) => {
      const { exportPaths } = await import("../../store/export.ts");
      const given = parsePaths(store, args);
      const paths = options.closure ? store.closure(given).map(({ path }) => path) : given;
      const context = host.context(options);
      if (options.output === undefined) {
        if (isStdoutTerminal())
          throw badArgument(
            "Cannot write the stream to a terminal: it is no text, --output FILE was expected",
          );
        using output = new StandardOutput();
        await exportPaths(paths, store, output, context);
        return;
      }
      using output = new TemporaryFile(resolve(options.output));
      await exportPaths(paths, store, output satisfies ByteOutput, context);
      output.commit(resolve(options.output));
      host.print(
        options,
        { output: options.output, paths },
        `${options.output}: ${count(paths.length, "path")}`,
      );
    },
  )
    .option("--closure", "with all that the paths refer to")
    .option("-o, --output <file>", "where to (default: standard output)");
  addExamples(exporting, [
    "tare store export --closure /nix/store/…-app > app.export",
    "an app for another machine",
  ]);
  const importing = define(
    parent,
    "import [file]",
    "make the paths of a stream of tare store export or nix-store --export valid; it is trusted as it is",
    async (store, [file], options) => {
      const { importPaths } = await import("../../store/export.ts");
      const stream = file === undefined ? readStandardInput() : readFile(file, host.signal);
      const paths = await importPaths(stream, store, host.signal);
      host.print(options, paths, paths.join("\n"));
    },
    true,
  );
  addExamples(importing, ["nix-store --export /nix/store/…-app | tare store import", "a path of Nix"]);
}

function readFile(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const missing = () => badArgument(`Cannot import ${file}: there is no such file`);
  return readRange({ file: resolve(file), offset: 0, size: Number.MAX_SAFE_INTEGER }, signal, missing);
}

function addPush(parent: Command, host: Host): void {
  const command = define<{ key?: string; compression: CompressionMethod; listings?: boolean }>(
    parent,
    "push <url> [paths...]",
    "write paths, or what an image was built from, to a binary cache that Nix reads",
    async (store, [url, ...args], options) => {
      const [{ pushPaths }, { readKeyFile }] = await Promise.all([
        import("../../store/push.ts"),
        import("../../store/keys.ts"),
      ]);
      const paths = args.length === 0 ? rootsOf(store, ".") : args.flatMap((text) => pathsOf(store, text));
      const result = await pushPaths(
        [...new Set(paths)],
        url!,
        store,
        {
          key: options.key === undefined ? undefined : readKeyFile(options.key),
          compression: options.compression,
          listings: options.listings === true,
        },
        host.context(options),
      );
      const { pushed, present, size } = result;
      const text = `${count(pushed.length, "path")} pushed (${formatBytes(size)}), ${present.length} there already`;
      host.print(options, result, text);
    },
  )
    .option("--key <file>", "the secret key to sign with")
    .option("--listings", "write listings of the files as well")
    .addOption(
      new Option("--compression <method>", "how NARs are compressed")
        .choices(["zstd", "xz", "none"])
        .default("zstd"),
    );
  addExamples(
    command,
    ["tare store push file:///srv/cache --key cache.key image.ts", "what the last build of an image made"],
    [
      "tare store push https://cache.example.org /nix/store/…-app --key cache.key",
      "one path with its closure",
    ],
  );
}

/** The paths that an argument means: a store path, or an image file whose builds left some. */
function pathsOf(store: LocalStore, text: string): StorePath[] {
  return pathKind(text) === undefined || splitStorePath(text) !== undefined
    ? [parsePath(store, text)]
    : rootsOf(store, text);
}

function rootsOf(store: LocalStore, path: string): StorePath[] {
  const file = pathKind(path) === "directory" ? join(path, "image.ts") : path;
  const paths = store.gcRoots.of(resolve(file));
  if (paths.length > 0) return paths;
  throw new StoreCommandError(
    "NO_ROOTS",
    `Cannot push ${file}: no build of it has left paths in ${store.root}`,
    {
      hint: "Run tare build first, or name store paths",
    },
  );
}

function addKey(parent: Command, host: Host): void {
  const command = parent
    .command("generate-key <name>")
    .summary("make a key that signs paths")
    .description("Make a key that signs paths; the public key is printed.")
    .option("--out <file>", "where the secret key goes (default: NAME.key)")
    .action(async (name: string) => {
      const { generateKeyFile } = await import("../../store/keys.ts");
      const options = command.optsWithGlobals<CommonOptions & { out?: string }>();
      const file = resolve(options.out ?? `${name}.key`);
      const publicKey = generateKeyFile(name, file);
      host.print(options, { publicKey, file }, publicKey);
    });
  addCommonOptions(command).exitOverride();
  addExamples(command, ["tare store generate-key cache.example.org-1", "the public key is for publicKeys"]);
}
