// mix.lock and rebar.lock → the packages of hex.pm that they pin, each with both its checksums.
// Source: Hex, "Mix.Tasks.Hex / lock format" (Hex.Utils.lock/1); rebar3, rebar_config:consult_lock_file/1; the Hex
// package tarball specification. Input is hostile: names and checksums are checked, since they become paths and hashes.

import { FormatError } from "../errors.ts";
import { parseElixirTerm } from "./elixir-term.ts";
import { parseErlangTerms } from "./erlang-terms.ts";
import { itemsOf, nameOfTerm, type Term, taggedItems } from "./term.ts";

/** A package as a lock pins it. */
export interface LockedPackage {
  /** What the project calls it: the directory that it is unpacked to. */
  readonly application: string;
  /** Its name in the repository. */
  readonly name: string;
  readonly version: string;
  /** `hexpm`, or `hexpm:ORGANISATION`, or a repository of one's own. */
  readonly repository: string;
  /** SHA-256 of what is in the tarball, lower-case hex: its CHECKSUM file. */
  readonly inner: string | undefined;
  /** SHA-256 of the tarball itself, lower-case hex. */
  readonly outer: string | undefined;
  /** The build tools that it can be built with: `mix`, `rebar3`, `make`. */
  readonly managers: readonly string[];
}

/** A dependency of a lock that comes from no repository: git, for the most part. */
export interface OtherDependency {
  readonly application: string;
  readonly kind: string;
}

export interface HexLock {
  /** Sorted as in the lock. */
  readonly packages: readonly LockedPackage[];
  readonly others: readonly OtherDependency[];
}

const NAME = /^[a-z]\w{0,127}$/;
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;
const CHECKSUM = /^[0-9a-f]{64}$/;
const REPOSITORY = /^[\w.:-]{1,128}$/;

/**
 * Parses a mix.lock: `"jason": {:hex, :jason, "1.4.1", INNER, MANAGERS, DEPS, "hexpm", OUTER}`.
 *
 * @throws {FormatError} `BAD_TERM`.
 */
export function parseMixLock(text: string, thing: string): HexLock {
  const term = parseElixirTerm(text, thing);
  if (term.type !== "map") throw new FormatError("BAD_TERM", thing, "a map was expected");
  return divide(term.entries, (key, value) => {
    const application = nameOfTerm(key) ?? "";
    const items = taggedItems(value, "hex");
    if (items === undefined) return { application, kind: nameOfTerm(itemsOf(value)[0]) ?? "unknown" };
    return checkPackage(thing, {
      application,
      name: nameOfTerm(items[1]) ?? "",
      version: nameOfTerm(items[2]) ?? "",
      repository: nameOfTerm(items[6]) ?? "hexpm",
      inner: nameOfTerm(items[3])?.toLowerCase(),
      outer: nameOfTerm(items[7])?.toLowerCase(),
      managers: itemsOf(items[4]).flatMap((manager) => nameOfTerm(manager) ?? []),
    });
  });
}

/**
 * Parses a rebar.lock: `{"1.2.0", [{<<"cowboy">>, {pkg, <<"cowboy">>, <<"2.10.0">>}, 0}]}.` and a list of checksums.
 *
 * @throws {FormatError} `BAD_TERM`.
 */
export function parseRebarLock(text: string, thing: string): HexLock {
  const [locked, hashes] = parseErlangTerms(text, thing);
  const versioned = locked?.type === "tuple" ? locked.items[1] : locked;
  const inner = readHashes(hashes, "pkg_hash");
  const outer = readHashes(hashes, "pkg_hash_ext");
  return divide(
    itemsOf(versioned).map((item) => [itemsOf(item)[0], itemsOf(item)[1]] as const),
    (key, value) => {
      const application = nameOfTerm(key) ?? "";
      const items = taggedItems(value, "pkg");
      if (items === undefined) return { application, kind: nameOfTerm(itemsOf(value)[0]) ?? "unknown" };
      return checkPackage(thing, {
        application,
        name: nameOfTerm(items[1]) ?? "",
        version: nameOfTerm(items[2]) ?? "",
        repository: "hexpm",
        // In the first versions of the format the checksum stood beside the version.
        inner: inner.get(application) ?? nameOfTerm(items[3])?.toLowerCase(),
        outer: outer.get(application),
        managers: ["rebar3"],
      });
    },
  );
}

function divide(
  entries: readonly (readonly [Term | undefined, Term | undefined])[],
  read: (key: Term | undefined, value: Term | undefined) => LockedPackage | OtherDependency,
): HexLock {
  const all = entries.map(([key, value]) => read(key, value));
  return {
    packages: all.filter((item): item is LockedPackage => "version" in item),
    others: all.filter((item): item is OtherDependency => !("version" in item)),
  };
}

function readHashes(hashes: Term | undefined, tag: string): ReadonlyMap<string, string> {
  const found = itemsOf(hashes).flatMap((item) => taggedItems(item, tag) ?? [])[1];
  return new Map(
    itemsOf(found).flatMap((item) => {
      const [name, hash] = itemsOf(item).map(nameOfTerm);
      return name === undefined || hash === undefined ? [] : [[name, hash.toLowerCase()] as const];
    }),
  );
}

function checkPackage(thing: string, locked: LockedPackage): LockedPackage {
  const { application, name, version, repository, inner, outer } = locked;
  const wrong = [
    { what: `"${application}"`, expected: "the name of an application", fits: NAME.test(application) },
    { what: `"${name}" of ${application}`, expected: "the name of a package", fits: NAME.test(name) },
    { what: `"${version}" of ${application}`, expected: "a version", fits: VERSION.test(version) },
    {
      what: `"${repository}" of ${application}`,
      expected: "a repository",
      fits: REPOSITORY.test(repository),
    },
    ...[inner, outer].map((checksum) => ({
      what: `the checksum "${checksum}" of ${application}`,
      expected: "a number of 64 hexadecimal digits",
      fits: checksum === undefined || CHECKSUM.test(checksum),
    })),
  ].find(({ fits }) => !fits);
  if (wrong === undefined) return locked;
  throw new FormatError("BAD_TERM", thing, `${wrong.what} cannot be, ${wrong.expected} was expected`);
}
