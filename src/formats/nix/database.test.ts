// database.ts and export.ts against what nix-store --dump-db and --export wrote.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cut, fileEntry, loadVectors, narOf, nixError, readVector } from "../../../test/kit/nix.ts";
import { ROOT_PATH } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import { formatDatabaseDump, parseDatabaseDump } from "./database.ts";
import type { ExportedPath } from "./export.ts";
import { EXPORT_END, EXPORT_PATH_BEGIN, ExportReader, formatExportedPath, writeExport } from "./export.ts";
import { formatHash, parseHash } from "./hash.ts";
import { encodeNarNumber, encodeNarString } from "./nar-grammar.ts";
import type { NarTree } from "./nar-tree.ts";
import { NarTreeBuilder } from "./nar-tree.ts";
import { computeTextPath } from "./store-path.ts";

const DUMP = readVector("db/dump-db.txt").toString();
const A = computeTextPath("a", "a");
const B = computeTextPath("b", "b");
const DRV = computeTextPath("a.drv", "a");

describe("dumps of the database", () => {
  interface Rows {
    readonly ValidPaths: {
      readonly id: number;
      readonly path: string;
      readonly hash: string;
      readonly deriver: string | null;
      readonly narSize: number;
    }[];
    readonly Refs: { readonly referrer: number; readonly reference: number }[];
  }

  test("read as the database's rows, and written as nix-store --dump-db writes them", () => {
    const records = parseDatabaseDump(DUMP);
    assert.equal(formatDatabaseDump(records), DUMP);
    const { ValidPaths, Refs } = loadVectors<Rows>("db/closure-rows.json");
    const pathOf = new Map(ValidPaths.map(({ id, path }) => [id, path]));
    const rows = ValidPaths.map(({ id, path, hash, narSize, deriver }) => ({
      path,
      narHash: hash.replace("sha256:", ""),
      narSize,
      deriver: deriver ?? undefined,
      references: Refs.filter(({ referrer }) => referrer === id)
        .map(({ reference }) => pathOf.get(reference)!)
        .sort(),
    }));
    const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
    assert.deepEqual([...records].sort(byPath), rows.sort(byPath));
  });

  test("may be empty", () => assert.deepEqual(parseDatabaseDump(""), []));

  const hash = "0".repeat(64);
  const record = [A, hash, "1", "", "1", B, ""];
  for (const [summary, lines, message] of [
    ["without a last line end", [...record.slice(0, -1)], /line 6: the last line does not end/],
    ["with a bad path", ["x", ...record.slice(1)], /line 1: "x" is no store path/],
    ["with a hash in base32", [A, "1".repeat(52), ...record.slice(2)], /line 2: .* no sha256/],
    ["with a bad size", [A, hash, "-1", ...record.slice(3)], /line 3: "-1" is no number/],
    ["with a bad deriver", [A, hash, "1", "x", ...record.slice(4)], /line 4: "x" is no store path/],
    ["with a bad count", [A, hash, "1", "", "x", ...record.slice(5)], /line 5: "x" is no number/],
    ["that end in a record", [A, hash, "1", "", "2", B, ""], /line 7: the dump ends inside a record/],
    ["that end in a record's head", [A, ""], /ends inside a record/],
    ["that end before a deriver", [A, hash, "1", ""], /ends inside a record/],
    ["with an empty line behind", [...record, ""], /line 7: "" is no store path/],
  ] as const) {
    test(`${summary} are refused`, () =>
      assert.throws(() => parseDatabaseDump(lines.join("\n")), nixError("DATABASE_DUMP_INVALID", message)));
  }
});

type Exported = ExportedPath & { readonly nar: NarTree };

function readExport(chunks: Iterable<Uint8Array>): Exported[] {
  const exported: Exported[] = [];
  let builder: NarTreeBuilder | undefined;
  const reader = new ExportReader({
    nar: () => {
      builder = new NarTreeBuilder({ file: "/x" });
      return builder;
    },
    path: (path) => exported.push({ ...path, nar: builder!.end() }),
  });
  for (const chunk of chunks) reader.write(chunk);
  reader.end();
  return exported;
}

interface ExportCase {
  readonly id: string;
  readonly file: string;
  readonly paths: string[];
  readonly sha256: string;
  readonly size: number;
  readonly importPrints: string[];
  readonly importError: string | null;
  readonly pathInfo: {
    readonly path: string;
    readonly narHash: string;
    readonly narSize: number;
    readonly references: string[];
    readonly deriver?: string;
  }[];
}

describe("streams of nix-store --export", () => {
  for (const vector of loadVectors<{ cases: ExportCase[] }>("db/exports.json").cases) {
    test(vector.id, () => {
      const bytes = readVector(`db/${vector.file}`);
      assert.equal(createHash("sha256").update(bytes).digest("hex"), vector.sha256);
      const exported = readExport([bytes]);
      assert.deepEqual(readExport([...bytes].map((byte) => Uint8Array.of(byte))), exported);
      if (vector.importError === null) {
        assert.deepEqual(
          exported.map(({ path }) => path),
          vector.importPrints,
        );
      }
      const infos = vector.pathInfo.map(({ path, narHash, narSize, references, deriver }) => ({
        path,
        narHash: formatHash(parseHash(narHash), "base16"),
        narSize,
        references: references.toSorted(),
        deriver,
      }));
      const found = exported.map(({ path, nar, references, deriver }) => ({
        path,
        narHash: nar.narHash,
        narSize: nar.narSize,
        references,
        deriver,
      }));
      const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
      assert.deepEqual(found.toSorted(byPath), infos.sort(byPath));
      let at = 0;
      const paths = exported.map(({ nar, ...path }) => {
        const start = at + EXPORT_PATH_BEGIN.length;
        at = start + nar.narSize + formatExportedPath(path).length;
        return { ...path, nar: [bytes.subarray(start, start + nar.narSize)] };
      });
      assert.deepEqual(Buffer.concat([...writeExport(paths)]), bytes);
    });
  }

  interface BadExport {
    readonly id: string;
    readonly dataBase64: string;
    readonly ok: boolean;
  }
  /** Where Tare is stricter: nix-store --import stops reading at the end of the stream. */
  const STRICTER = new Set(["trailing-garbage"]);
  for (const { id, dataBase64, ok } of loadVectors<{ cases: BadExport[] }>("db/bad-exports.json").cases) {
    test(`${id} is ${ok && !STRICTER.has(id) ? "taken" : "refused"}`, () => {
      const read = () => readExport([Buffer.from(dataBase64, "base64")]);
      if (ok && !STRICTER.has(id)) assert.equal(read().length, 1);
      else assert.throws(read, nixError("EXPORT_INVALID", /^Cannot read the export: /));
    });
  }

  const nar = narOf({ entries: [fileEntry(ROOT_PATH, Buffer.from("hello"))] });
  const u64 = encodeNarNumber;
  const s = encodeNarString;
  const stream = (...behind: string[]) =>
    Buffer.concat([EXPORT_PATH_BEGIN, nar, Buffer.from(behind.join(""), "latin1"), EXPORT_END]);
  const magic = u64(0x4558494e);
  for (const [summary, bytes, message] of [
    ["another beginning", Buffer.from(u64(2), "latin1"), /neither a path nor the end/],
    ["a huge beginning", Buffer.alloc(8, 0xff), /neither a path nor the end/],
    ["another magic number", stream(u64(1)), /no description/],
    ["a path that is none", stream(magic, s("/tmp/x")), /"\/tmp\/x" is no store path/],
    ["a path that is too long", stream(magic, u64(256)), /claims 256 bytes/],
    ["a path whose length is huge", stream(magic, "\xff".repeat(8)), /claims/],
    ["padding that is not zero", stream(magic, s(A).replace(/\0$/, "x")), /padding/],
    ["references without end", stream(magic, s(A), "\xff".repeat(8)), /references/],
    ["a reference that is none", stream(magic, s(A), u64(1), s("x")), /"x" is no store path/],
    ["a deriver that is none", stream(magic, s(A), u64(0), s("x")), /"x" is no store path/],
    ["a mark of a signature that is none", stream(magic, s(A), u64(0), s(""), u64(2)), /mark of a signature/],
    ["a signature without end", stream(magic, s(A), u64(0), s(""), u64(1), u64(1 << 17)), /claims 131072/],
  ] as const) {
    test(`with ${summary} are refused`, () =>
      assert.throws(() => readExport([bytes]), nixError("EXPORT_INVALID", message)));
  }

  test("of old Nix may have signatures, which are passed over; references are put in order", () => {
    const bytes = stream(magic, s(A), u64(3), s(B), s(A), s(B), s(DRV), u64(1), s("any"), u64(0)).subarray(
      0,
      -8,
    );
    const [exported] = readExport([bytes]);
    assert.deepEqual(exported!.references, [A, B].sort());
    assert.equal(exported!.deriver, DRV);
  });

  test("cut short anywhere are refused", () => {
    const bytes = stream(magic, s(A), u64(1), s(B), s(DRV), u64(0));
    assert.equal(readExport([bytes]).length, 1);
    for (let kept = 0; kept < bytes.length; kept++) {
      assert.throws(() => readExport([bytes.subarray(0, kept)]), nixError("EXPORT_INVALID", /ends early/));
    }
  });

  test("with a damaged NAR are refused as that", () => {
    const bytes = stream(magic);
    bytes[20] = 0;
    assert.throws(() => readExport([bytes]), nixError("NAR_INVALID", /does not begin/));
  });

  test("go round, wherever chunks are cut", () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    const anyPath = name.map((text) => computeTextPath(text, text));
    const paths = fc.array(
      fc.record({
        path: anyPath,
        references: fc.array(anyPath, { maxLength: 3 }),
        deriver: fc.option(anyPath, { nil: undefined }),
        contents: fc.string(),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(paths, fc.array(fc.nat(), { maxLength: 10 }), (described, places) => {
        const withNars = described.map(({ contents, ...path }) => ({
          ...path,
          nar: [narOf({ entries: [fileEntry(ROOT_PATH, Buffer.from(contents))] })],
        }));
        const bytes = Buffer.concat([...writeExport(withNars)]);
        const back = readExport(cut(bytes, places)).map(({ nar: tree, ...path }) => ({
          ...path,
          narHash: tree.narHash,
        }));
        const expected = withNars.map(({ path, references, deriver, nar: [only] }) => ({
          path,
          references: [...new Set<StorePath>(references)].sort(),
          deriver,
          narHash: createHash("sha256").update(only!).digest("hex"),
        }));
        assert.deepEqual(back, expected);
      }),
    );
  });
});
