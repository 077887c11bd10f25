// Debian archives of a test's own: .debs from a short description, and a directory with pool, indices and signed release
// files that serves as a mirror (`file:`), together with the key that signed it.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { createCleartextMessage, generateKey, type PrivateKey, sign } from "openpgp";
import { COMPRESSORS, type RawMember, rawDeb, rawPax } from "./tar.ts";
import type { EntryDescription, TreeDescription } from "./trees.ts";

/** A package; what is left out is chosen so that the package is sound. */
export interface DebDescription {
  readonly name: string;
  /** Default `1.0-1`. */
  readonly version?: string;
  /** Default `amd64`; `all` is in the index of every architecture. */
  readonly architecture?: string;
  /** Further fields of control and index: `Depends`, `Essential`, `Multi-Arch`… */
  readonly fields?: Readonly<Record<string, string>>;
  /** By path without a leading slash; directories end in `/`. Directories that hold files are made as needed. */
  readonly files?: TreeDescription;
  /** Members of control.tar beside `control`: `postinst`, `conffiles`… */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Members of data.tar as they are, behind the files: for what no sound package has. */
  readonly members?: readonly RawMember[];
  /** Default `.xz`. */
  readonly compression?: keyof typeof COMPRESSORS;
}

function controlFields(deb: DebDescription): [string, string][] {
  return [
    ["Package", deb.name],
    ["Version", deb.version ?? "1.0-1"],
    ["Architecture", deb.architecture ?? "amd64"],
    ["Maintainer", "Tare <tare@example.org>"],
    ...Object.entries({ Priority: "optional", Description: "made by a test", ...deb.fields }),
  ];
}

function formatFields(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${name}: ${value}\n`).join("");
}

/** Makes a .deb; the same description gives the same bytes. */
export function makeDeb(deb: DebDescription): Buffer {
  const data: (RawMember | Buffer)[] = [{ name: "./" }];
  const files = Object.entries(deb.files ?? {});
  const directories = new Set(files.flatMap(([path]) => parents(path)));
  for (const [path] of files) directories.delete(path);
  const all: [string, string | Uint8Array | EntryDescription][] = [
    ...[...directories].map((path): [string, EntryDescription] => [path, {}]),
    ...files,
  ];
  all.sort(([a], [b]) => (a < b ? -1 : 1));
  const inodes = new Map<string, string>();
  for (const [path, value] of all) data.push(...toMembers(path, value, inodes));
  const control: RawMember[] = [
    { name: "./" },
    { name: "./control", content: formatFields(controlFields(deb)) },
    ...Object.entries(deb.scripts ?? {}).map(([name, content]) => ({
      name: `./${name}`,
      mode: 0o755,
      content,
    })),
  ];
  return rawDeb({ control, data: [...data, ...(deb.members ?? [])], compression: deb.compression ?? ".xz" });
}

function parents(path: string): string[] {
  const parts = path.replace(/\/$/, "").split("/");
  return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
}

function toMembers(
  path: string,
  value: string | Uint8Array | EntryDescription,
  inodes: Map<string, string>,
): (RawMember | Buffer)[] {
  const entry: EntryDescription =
    typeof value === "string" || value instanceof Uint8Array ? { text: value } : value;
  const name = `./${path}`;
  // The short field ends the name of what is longer; the pax record has it whole.
  const long = name.length > 100 ? [rawPax({ path: name })] : [];
  const common = {
    name: name.slice(0, 100),
    ...(entry.mode === undefined ? {} : { mode: entry.mode }),
    ...(entry.uid === undefined ? {} : { uid: entry.uid }),
    ...(entry.gid === undefined ? {} : { gid: entry.gid }),
  };
  if (path.endsWith("/")) return [...long, { ...common, type: "5" }];
  if (entry.target !== undefined) return [...long, { mode: 0o777, ...common, type: "2", link: entry.target }];
  const first = entry.inode === undefined ? undefined : inodes.get(entry.inode);
  if (first !== undefined) return [...long, { ...common, type: "1", link: first }];
  if (entry.inode !== undefined) inodes.set(entry.inode, name);
  return [...long, { ...common, type: "0", content: Buffer.from(entry.text ?? "") }];
}

export interface ArchiveOptions {
  /** Default `bookworm`: suites that Tare does not know cannot be asked for. */
  readonly codename?: string;
  /** The packages of the release itself, of its updates, and of its security updates. */
  readonly packages?: readonly DebDescription[];
  readonly updates?: readonly DebDescription[];
  readonly security?: readonly DebDescription[];
  /** Of the release files, and when they were signed. Default: 2025-01-01. */
  readonly date?: Date;
  /** Default: none, they never expire. */
  readonly validUntil?: Date;
  /** Default: amd64 and arm64. */
  readonly architectures?: readonly string[];
  /** False: packages of architecture `all` have an index of their own. Default: true, as in Debian. */
  readonly mergeAll?: boolean;
  /** False: no suite has Contents indices. Default: true; those of `all` are apart, as in Debian. */
  readonly contents?: boolean;
  /** Which forms of each index there are. Default: all three. */
  readonly forms?: readonly (keyof typeof COMPRESSORS)[];
  /** Whether indices are there by hash: `only` under no other name. Default: `yes`. */
  readonly byHash?: "yes" | "no" | "only";
  /** The key that signs; default: one made for the purpose. */
  readonly key?: PrivateKey;
  /** Changes a Contents index before it is hashed. */
  readonly editContents?: (text: string, suite: string) => string;
  /** Changes an index before it is hashed, a release file before it is signed, an InRelease file afterwards. */
  readonly editIndex?: (text: string, suite: string) => string;
  readonly editRelease?: (text: string, suite: string) => string;
  readonly editInRelease?: (text: string, suite: string) => string;
}

export interface TestArchive {
  /** Holds `debian/` and `debian-security/`. */
  readonly directory: string;
  /** The main archive as a mirror: `file:///…/debian`. */
  readonly mirror: string;
  /** Path of the armored public key. */
  readonly keyring: string;
  /** What makes Tare use this archive and no other. */
  readonly environment: Readonly<Record<string, string>>;
  /** The .debs by file name. */
  readonly debs: ReadonlyMap<string, Buffer>;
}

const KEYRING = "archive-key.asc";

let defaultKey: Promise<PrivateKey> | undefined;

/** A signing key, valid from 2024 on. */
export async function makeSigningKey(
  options: { readonly lifetimeSeconds?: number } = {},
): Promise<PrivateKey> {
  const { privateKey } = await generateKey({
    type: "ecc",
    curve: "ed25519Legacy",
    userIDs: [{ name: "Test Archive", email: "archive@example.org" }],
    date: new Date("2024-01-01T00:00:00Z"),
    format: "object",
    ...(options.lifetimeSeconds === undefined ? {} : { keyExpirationTime: options.lifetimeSeconds }),
  });
  return privateKey;
}

/** Writes an archive into a directory, which must be there. */
export async function makeArchive(directory: string, options: ArchiveOptions = {}): Promise<TestArchive> {
  const { codename = "bookworm" } = options;
  defaultKey ??= makeSigningKey();
  const key = options.key ?? (await defaultKey);
  const debs = new Map<string, Buffer>();
  const suites = [
    { archive: "debian", name: codename, packages: options.packages },
    { archive: "debian", name: `${codename}-updates`, packages: options.updates },
    { archive: "debian-security", name: `${codename}-security`, packages: options.security },
  ];
  for (const suite of suites) {
    await writeSuite(
      join(directory, suite.archive),
      { ...suite, packages: suite.packages ?? [] },
      options,
      key,
      debs,
    );
  }
  writeFileSync(join(directory, KEYRING), key.toPublic().armor());
  return describeArchive(directory, debs);
}

/** Copies an archive, so that a test may change it; making one takes longer. */
export function copyArchive(archive: TestArchive, directory: string): TestArchive {
  cpSync(archive.directory, directory, { recursive: true });
  return describeArchive(directory, archive.debs);
}

function describeArchive(directory: string, debs: ReadonlyMap<string, Buffer>): TestArchive {
  const mirror = pathToFileURL(join(directory, "debian")).href;
  const keyring = join(directory, KEYRING);
  return {
    directory,
    mirror,
    keyring,
    environment: {
      TARE_DEBIAN_MIRROR: mirror,
      TARE_DEBIAN_SECURITY_MIRROR: pathToFileURL(join(directory, "debian-security")).href,
      TARE_DEBIAN_KEYRING: keyring,
      TARE_DEBIAN_SNAPSHOT: pathToFileURL(join(directory, "snapshot")).href,
    },
    debs,
  };
}

/** Sets environment variables for the rest of a test. */
export function useEnvironment(
  t: TestContext,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (const [name, value] of Object.entries(environment)) {
    const before = process.env[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

async function writeSuite(
  base: string,
  suite: { readonly archive: string; readonly name: string; readonly packages: readonly DebDescription[] },
  options: ArchiveOptions,
  key: PrivateKey,
  debs: Map<string, Buffer>,
): Promise<void> {
  const { mergeAll = true, architectures = ["amd64", "arm64"] } = options;
  const dists = join(base, "dists", suite.name);
  const stanzas = suite.packages.map((deb) => {
    const bytes = makeDeb(deb);
    const { version = "1.0-1", architecture = "amd64" } = deb;
    const file = `${deb.name}_${version.replace(/^\d+:/, "")}_${architecture}.deb`;
    const path = `pool/${suite.archive === "debian" ? "" : "updates/"}main/${deb.name[0]}/${deb.name}/${file}`;
    write(join(base, path), bytes);
    debs.set(file, bytes);
    const fields = [
      ...controlFields(deb),
      ["Filename", path],
      ["Size", String(bytes.length)],
      ["SHA256", sha256(bytes)],
    ];
    return { architecture, text: formatFields(fields as [string, string][]) };
  });
  const listed: string[] = [];
  const writeIndex = (index: string, plainPath: string): void => {
    for (const [suffix, bytes] of indexForms(index, options)) {
      const path = `${plainPath}${suffix}`;
      listed.push(` ${sha256(bytes)} ${String(bytes.length).padStart(8)} ${path}`);
      if (!(options.forms ?? [".xz", ".gz", ""]).includes(suffix)) continue;
      const { byHash = "yes" } = options;
      if (byHash !== "only") write(join(dists, path), bytes);
      if (byHash !== "no") write(join(dists, dirname(path), "by-hash/SHA256", sha256(bytes)), bytes);
    }
  };
  for (const architecture of mergeAll ? architectures : [...architectures, "all"]) {
    const wanted = mergeAll ? [architecture, "all"] : [architecture];
    const plain = stanzas.filter((stanza) => wanted.includes(stanza.architecture)).map(({ text }) => text);
    const index = options.editIndex?.(plain.join("\n"), suite.name) ?? plain.join("\n");
    writeIndex(index, `main/binary-${architecture}/Packages`);
  }
  for (const architecture of options.contents === false ? [] : [...architectures, "all"]) {
    const text = formatContents(
      suite.packages.filter((deb) => (deb.architecture ?? "amd64") === architecture),
    );
    writeIndex(options.editContents?.(text, suite.name) ?? text, `main/Contents-${architecture}`);
  }
  const date = options.date ?? new Date("2025-01-01T00:00:00Z");
  const fields: [string, string][] = [
    ["Origin", "Test"],
    ["Suite", suite.name.replace(options.codename ?? "bookworm", "oldstable")],
    ["Codename", suite.name],
    ["Version", "12.0"],
    ["Date", date.toUTCString().replace("GMT", "UTC")],
    ...(options.validUntil === undefined
      ? []
      : [["Valid-Until", options.validUntil.toUTCString().replace("GMT", "UTC")] as [string, string]]),
    ["Acquire-By-Hash", options.byHash === "no" ? "no" : "yes"],
    ...(mergeAll ? [["No-Support-for-Architecture-all", "Packages"] as [string, string]] : []),
    ["Architectures", ["all", ...architectures].join(" ")],
    ["Components", suite.archive === "debian" ? "main contrib" : "updates/main updates/contrib"],
    ["Description", "An archive of a test"],
  ];
  let release = `${formatFields(fields)}SHA256:\n${listed.join("\n")}\n`;
  release = options.editRelease?.(release, suite.name) ?? release;
  const signed = await sign({
    message: await createCleartextMessage({ text: release }),
    signingKeys: key,
    date,
  });
  write(join(dists, "InRelease"), Buffer.from(options.editInRelease?.(signed, suite.name) ?? signed));
}

/** A Contents index: every file with the packages that ship it, sorted. */
function formatContents(debs: readonly DebDescription[]): string {
  const owners = new Map<string, string[]>();
  for (const { name, files = {} } of debs) {
    for (const path of Object.keys(files)) {
      if (!path.endsWith("/")) owners.set(path, [...(owners.get(path) ?? []), `misc/${name}`]);
    }
  }
  const lines = [...owners].map(([path, names]) => `${path.padEnd(55)} ${names.join(",")}\n`);
  return lines.sort().join("");
}

/** The plain form is always listed, as Debian does, even where it cannot be fetched. */
function indexForms(index: string, options: ArchiveOptions): [keyof typeof COMPRESSORS, Buffer][] {
  const forms = options.forms ?? [".xz", ".gz", ""];
  return ([".xz", ".gz", ""] as const)
    .filter((suffix) => suffix === "" || forms.includes(suffix))
    .map((suffix) => [suffix, COMPRESSORS[suffix](Buffer.from(index))]);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}
