import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { VectorNode } from "../../../test/kit/nix.ts";
import {
  bytesOf,
  cut,
  fileEntry,
  loadVectors,
  narOf,
  nixError,
  readVector,
  vectorTree,
} from "../../../test/kit/nix.ts";
import type { BytePath, ByteString } from "../../model/bytes.ts";
import { encodeByteString, ROOT_PATH } from "../../model/bytes.ts";
import type { FileEntry, Tree, TreeEntry } from "../../model/tree.ts";
import { createTree } from "../../model/tree.ts";
import type { HashAlgorithm } from "./hash.ts";
import { computeHash, formatHash } from "./hash.ts";
import type { NarNode } from "./nar-grammar.ts";
import { encodeNarNumber, encodeNarString } from "./nar-grammar.ts";
import type { NarHandler, NarLimits } from "./nar-reader.ts";
import { NarReader } from "./nar-reader.ts";
import { NarTreeBuilder, readNar } from "./nar-tree.ts";
import { computeNarSize, formatNarListing, NarWriter, narPieces, writeNar } from "./nar-writer.ts";

const path = (text: string) => encodeByteString(text) as string as BytePath;
const file = (at: string, text = "", executable = false) =>
  fileEntry(path(at), Buffer.from(text), executable);
const directory = (at: string): TreeEntry => ({
  type: "directory",
  path: path(at),
  mode: 0o555,
  uid: 0,
  gid: 0,
});
const symlink = (at: string, target: string): TreeEntry => ({
  type: "symlink",
  path: path(at),
  mode: 0o777,
  uid: 0,
  gid: 0,
  target: target as ByteString,
});
const NOTHING: NarHandler = { node: () => {}, content: () => {}, nodeEnd: () => {} };

/** Reads a NAR with a writer behind, so that what was understood is what is written. */
function copyNar(chunks: Iterable<Uint8Array>, limits?: NarLimits): Buffer {
  const written: Uint8Array[] = [];
  const reader = new NarReader(new NarWriter((bytes) => written.push(Buffer.from(bytes))), limits);
  for (const chunk of chunks) reader.write(chunk);
  reader.end();
  return Buffer.concat(written);
}

interface GoodNar {
  readonly id: string;
  readonly nar: string | null;
  readonly tree: VectorNode;
  readonly narSize: number;
  readonly hashes: Record<HashAlgorithm, { readonly base16: string }>;
}

describe("as nix-store --dump writes it", () => {
  for (const { id, nar, tree: node, narSize, hashes } of loadVectors<{ cases: GoodNar[] }>("nar/good.json")
    .cases) {
    test(id, () => {
      const tree = vectorTree(node);
      const written = narOf(tree);
      for (const [algorithm, { base16 }] of Object.entries(hashes)) {
        assert.equal(formatHash(computeHash(algorithm as HashAlgorithm, written), "base16"), base16);
      }
      if (nar !== null) assert.deepEqual(written, readVector(`nar/${nar}`));
      assert.equal(computeNarSize(tree), narSize);
      assert.deepEqual(readNar(written), tree);
      assert.deepEqual(copyNar([written]), written);
    });
  }
});

interface BadNar {
  readonly id: string;
  readonly nar: string;
  readonly nix28Restore: "accepted" | "refused";
  readonly newerNix?: string;
}

describe("refuses", () => {
  for (const { id, nar, nix28Restore, newerNix } of loadVectors<{ cases: BadNar[] }>("nar/bad.json").cases) {
    const who = nix28Restore === "refused" ? "Nix 2.8" : newerNix === undefined ? "only Tare" : "newer Nix";
    test(`${id}, as ${who}`, () => {
      const bytes = readVector(`nar/${nar}`);
      for (const chunks of [[bytes], [...bytes].map((byte) => Uint8Array.of(byte))]) {
        assert.throws(() => copyNar(chunks), nixError("NAR_INVALID", /^Cannot read the NAR: /));
      }
    });
  }

  const s = encodeNarString;
  const node = (...words: string[]) => s("(") + s("type") + words.join("") + s(")");
  const entry = (name: string, inner: string) =>
    s("entry") + s("(") + s("name") + s(name) + s("node") + inner + s(")");
  const empty = node(s("regular"), s("contents"), s(""));
  const nested = (depth: number): string =>
    depth === 0 ? empty : node(s("directory"), entry("d".repeat(40), nested(depth - 1)));
  const archive = (root: string) => Buffer.from(s("nix-archive-1") + root, "latin1");
  const cases: readonly (readonly [string, Buffer, RegExp, NarLimits?])[] = [
    ["a name of 256 bytes", archive(node(s("directory"), entry("n".repeat(256), empty))), /claims 256 bytes/],
    [
      "a target of 4096 bytes",
      archive(node(s("symlink"), s("target"), s("t".repeat(4096)))),
      /claims 4096 bytes/,
    ],
    ["64 directories inside each other", archive(nested(64)), /nested deeper than 64/],
    ["a longer type", archive(node(s("directory2"), "")), /"regular", "directory" or "symlink"/],
    ["a type that is nearly one", archive(node(s("directorz"), "")), /the type directory/],
    ["a shorter type", archive(node(s("dir"), "")), /"regular", "directory" or "symlink"/],
    ["a size beyond 2^53", archive(node(s("regular"), s("contents"), "\xff".repeat(8))), /claims/],
    [
      "a file larger than what the NAR may have",
      archive(node(s("regular"), s("contents"), encodeNarNumber(1000))),
      /a file claims 1000 bytes, the whole NAR may have 500/,
      { maxSize: 500 },
    ],
    [
      "a NAR larger than it may be",
      archive(node(s("directory"), entry("a", node(s("directory"))))),
      /more than the 200 bytes/,
      { maxSize: 200 },
    ],
    [
      "an executable mark without contents",
      archive(node(s("regular"), s("executable"), s(""))),
      /ends early/,
    ],
    [
      "a value of the executable mark",
      archive(node(s("regular"), s("executable"), s("x"), s("contents"), s(""))),
      /has a value/,
    ],
    [
      "names in the order of locales",
      archive(node(s("directory"), entry("a", empty), entry("B", empty))),
      /order of their bytes/,
    ],
    ["a zero byte behind it", Buffer.concat([archive(empty), Buffer.alloc(1)]), /bytes follow/],
  ];
  for (const [summary, bytes, message, limits] of cases) {
    test(summary, () => {
      assert.throws(() => copyNar([bytes], limits), nixError("NAR_INVALID", message));
      const read = () => {
        for (let at = 0; at < bytes.length; at += 7) reader.write(bytes.subarray(at, at + 7));
        reader.end();
      };
      const reader = new NarReader(NOTHING, limits);
      assert.throws(read, nixError("NAR_INVALID", /./));
    });
  }

  test("what is just inside the bounds is read", () => {
    for (const root of [
      nested(63),
      node(s("directory"), entry("n".repeat(255), empty)),
      node(s("symlink"), s("target"), s("t".repeat(4095))),
    ]) {
      const bytes = archive(root);
      assert.deepEqual(copyNar([bytes], { maxSize: bytes.length }), bytes);
    }
  });

  test("paths of more than 4095 bytes, which no tree can hold", () => {
    const deep = (depth: number): string =>
      depth === 0 ? empty : node(s("directory"), entry("d".repeat(250), deep(depth - 1)));
    assert.equal(copyNar([archive(deep(16))]).length, archive(deep(16)).length);
    assert.throws(() => copyNar([archive(deep(17))]), nixError("NAR_INVALID", /more than 4095 bytes/));
  });

  test("a NAR that ends early, wherever", () => {
    const nar = readVector("nar/good/dir-mixed.nar");
    for (let kept = 0; kept < nar.length; kept++) {
      assert.throws(() => copyNar([nar.subarray(0, kept)]), nixError("NAR_INVALID", /ends early/));
    }
  });

  test("a NAR with any bit of its frame flipped, or reads it as another NAR of the same form", () => {
    const nar = readVector("nar/good/dir-mixed.nar");
    for (let bit = 0; bit < nar.length * 8; bit += 3) {
      const changed = Buffer.from(nar);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      let copy: Buffer;
      try {
        copy = copyNar([changed]);
      } catch (error) {
        nixError("NAR_INVALID", /./)(error);
        continue;
      }
      assert.deepEqual(copy, changed);
    }
  });
});

const name = fc
  .stringMatching(/^[\u0001-\u002e\u0030-\u00ff]{1,6}$/)
  .filter((text) => text !== "." && text !== "..")
  .map((text) => text as ByteString);
const leaf = fc.oneof(
  fc.record({ bytes: fc.uint8Array({ maxLength: 40 }), executable: fc.boolean() }),
  fc.record({ target: fc.stringMatching(/^[\u0001-\u00ff]{1,20}$/) }),
);
const anyTree: fc.Arbitrary<Tree> = fc
  .array(fc.record({ parts: fc.array(name, { minLength: 1, maxLength: 4 }), leaf }), { maxLength: 12 })
  .map((leaves) => {
    const entries = leaves.map(({ parts, leaf }): TreeEntry => {
      const at = parts.join("/") as BytePath;
      if ("bytes" in leaf) return fileEntry(at, Buffer.from(leaf.bytes), leaf.executable);
      return { type: "symlink", path: at, mode: 0o777, uid: 0, gid: 0, target: leaf.target as ByteString };
    });
    const tree = createTree(entries);
    // Leaves below leaves are no tree.
    return createTree(
      tree.entries.filter(({ path: at }) => !tree.entries.some((o) => at.startsWith(`${o.path}/`))),
    );
  });

/** The NAR of a tree by its definition: recursive, sorted in every directory. */
function naiveNar(tree: Tree): Buffer {
  const s = encodeNarString;
  const nodeAt = (at: string): string => {
    const entry = tree.entries.find((candidate) => candidate.path === at);
    if (entry?.type === "file") {
      const mark = (entry.mode & 0o100) !== 0 ? s("executable") + s("") : "";
      return `${s("(") + s("type") + s("regular") + mark + s("contents")}${s(Buffer.from(bytesOf(entry)).toString("latin1"))}${s(")")}`;
    }
    if (entry?.type === "symlink") {
      return [s("("), s("type"), s("symlink"), s("target"), s(entry.target), s(")")].join("");
    }
    const prefix = at === "" ? "" : `${at}/`;
    const names = new Set(
      tree.entries
        .filter(({ path: below }) => below !== at && below.startsWith(prefix))
        .map(({ path: below }) => below.slice(prefix.length).split("/")[0]!),
    );
    const sorted = [...names].sort((a, b) =>
      Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1")),
    );
    const entries = sorted.map((child) =>
      [s("entry"), s("("), s("name"), s(child), s("node"), nodeAt(prefix + child), s(")")].join(""),
    );
    return `${s("(") + s("type") + s("directory")}${entries.join("")}${s(")")}`;
  };
  return Buffer.from(s("nix-archive-1") + nodeAt(""), "latin1");
}

test("trees go to NARs and back; the size is known before; two writers agree", () => {
  fc.assert(
    fc.property(anyTree, (tree) => {
      const nar = narOf(tree);
      assert.deepEqual(nar, naiveNar(tree));
      assert.equal(computeNarSize(tree), nar.length);
      const back = readNar(nar);
      assert.deepEqual(
        back.entries.filter((entry) => entry.type !== "directory"),
        tree.entries,
      );
      assert.deepEqual(narOf(back), nar);
    }),
  );
});

test("where chunks are cut makes no difference", () => {
  fc.assert(
    fc.property(anyTree, fc.array(fc.nat(), { maxLength: 20 }), (tree, places) => {
      const nar = narOf(tree);
      assert.deepEqual(copyNar(cut(nar, places)), nar);
      const build = (chunks: Iterable<Uint8Array>) => {
        const builder = new NarTreeBuilder({ file: "/x.nar" });
        for (const chunk of chunks) builder.write(chunk);
        return builder.end();
      };
      assert.deepEqual(build(cut(nar, places)), build([nar]));
    }),
  );
});

test("contents are passed on as views of the chunks", () => {
  const nar = narOf({ entries: [file("a", "x".repeat(100)), file("b", "y")] });
  const reader = new NarReader({
    ...NOTHING,
    content: (chunk) => assert.equal(chunk.buffer, nar.buffer),
  });
  reader.write(nar);
  reader.end();
  assert.equal(reader.size, nar.length);
});

test("one pass gives the tree, its hash, its size and its references", () => {
  const self = "i9pmrzmpshapij2kin22pff6fc2adavx";
  const other = "z45ailnkm27lnvhimqkhy08f6sh5m17d";
  const nar = narOf(
    createTree([
      file("bin/run", `#!/nix/store/${self}-bash/bin/sh\n`, true),
      file("empty"),
      symlink("link", `/nix/store/${other}-lib`),
    ]),
  );
  const builder = new NarTreeBuilder({
    file: "/cache/x.nar",
    offset: 1000,
    hashParts: [other, self, "0".repeat(32)],
  });
  builder.write(nar.subarray(0, 250));
  builder.write(nar.subarray(250));
  const { tree, narHash, narSize, references } = builder.end();
  assert.equal(narHash, createHash("sha256").update(nar).digest("hex"));
  assert.equal(narSize, nar.length);
  assert.deepEqual(references, [self, other]);
  assert.deepEqual(
    tree.entries.map((entry) => [entry.type, entry.path, entry.mode.toString(8)]),
    [
      ["directory", "", "555"],
      ["directory", "bin", "555"],
      ["file", "bin/run", "555"],
      ["file", "empty", "444"],
      ["symlink", "link", "777"],
    ],
  );
  for (const entry of tree.entries) {
    if (entry.type !== "file") continue;
    assert.ok(entry.content.kind === "range");
    assert.equal(entry.content.file, "/cache/x.nar");
    const start = entry.content.offset - 1000;
    const bytes = nar.subarray(start, start + entry.size);
    assert.equal(entry.content.crc32, crc32(bytes));
    assert.equal(entry.content.sha256, createHash("sha256").update(bytes).digest("hex"));
  }
});

test("a reader stops where its NAR ends, when more may follow", () => {
  const nar = narOf({ entries: [file("a", "abc")] });
  const stream = Buffer.concat([nar, nar, Buffer.from("rest")]);
  for (const size of [1, 8, 100, stream.length]) {
    const builder = new NarTreeBuilder({ file: "/x" });
    let at = 0;
    while (!builder.ended) at += builder.read(stream.subarray(at, at + size));
    assert.equal(at, nar.length);
    assert.equal(builder.end().narHash, createHash("sha256").update(nar).digest("hex"));
    assert.equal(builder.read(stream), 0);
  }
});

test("a tree whose root is a file or a symbolic link is a NAR of that", () => {
  for (const entry of [file("", "x", true), symlink("", "target")]) {
    const tree = { entries: [entry] };
    assert.deepEqual(readNar(narOf(tree)), tree);
  }
  assert.deepEqual(readNar(narOf({ entries: [] })), { entries: [directory("")] });
});

test("only the owner's x bit makes a file executable, as nix-store --dump has it", () => {
  interface Mode {
    readonly id: string;
    readonly mode: string;
    /** Null for a directory. */
    readonly narExecutable: boolean | null;
    readonly modeInStoreAfterAdd: string;
  }
  const { cases } = loadVectors<{ cases: Mode[] }>("nar/permissions.json");
  assert.equal(cases.length, 12);
  for (const { id, mode, narExecutable, modeInStoreAfterAdd } of cases) {
    const entry = { ...(narExecutable === null ? directory("") : file("")), mode: Number.parseInt(mode, 8) };
    const nar = narOf({ entries: [entry] });
    const [back] = readNar(nar).entries;
    assert.equal(back?.mode, Number.parseInt(modeInStoreAfterAdd, 8), id);
    assert.equal(nar.includes("executable"), narExecutable === true, id);
  }
});

describe("does not write", () => {
  const write = (tree: Tree) => () => narOf(tree);
  const deep = Array.from({ length: 65 }, () => "d").join("/");
  for (const [summary, tree, message] of [
    ["a link without target", { entries: [symlink("l", "")] }, /0 bytes/],
    ["a link of 4096 bytes", { entries: [symlink("l", "t".repeat(4096))] }, /4096 bytes/],
    ["a link with NUL", { entries: [symlink("l", "a\0")] }, /NUL/],
    ["65 directories inside each other", { entries: [file(deep)] }, /nested deeper than 64/],
    ["unsorted entries", { entries: [file("b"), file("a")] }, /order of their bytes/],
    ["an entry twice", { entries: [file("a"), file("a")] }, /twice/],
    ["an entry below a file", { entries: [file("a"), file("a/b")] }, /twice/],
    [
      "an entry below a root that is a file",
      { entries: [file(""), file("a")] },
      /does not belong|follows the root/,
    ],
    ["a name of 256 bytes", { entries: [file("n".repeat(256))] }, /256 bytes/],
    ["the name ..", { entries: [file("..")] }, /named "\.\."/],
  ] as const satisfies readonly (readonly [string, Tree, RegExp])[]) {
    test(summary, () => assert.throws(write(tree), nixError("NAR_INVALID", message)));
  }

  test("contents of another size than was said", () => {
    const tree = { entries: [file("a", "abc")] };
    const give = (bytes: string) => () =>
      writeNar(
        tree,
        () => [Buffer.from(bytes)],
        () => {},
      );
    assert.throws(give("ab"), nixError("NAR_INVALID", /"a" has 2 bytes, 3 were expected/));
    assert.throws(give("abcd"), nixError("NAR_INVALID", /has 4 bytes/));
  });

  test("events that make no NAR", () => {
    const root: NarNode = { type: "directory", path: ROOT_PATH };
    const a: NarNode = { type: "file", path: path("a"), executable: false, size: 2 };
    const attempts: readonly (readonly [(writer: NarWriter) => void, RegExp])[] = [
      [(writer) => writer.nodeEnd(), /did not begin/],
      [(writer) => writer.content(Buffer.from("x")), /outside a file/],
      [(writer) => writer.node(a), /"a" does not belong/],
      [(writer) => [root, root].map((node) => writer.node(node)), /"" does not belong/],
      [
        (writer) => [root, { ...a, path: path("b/a") }].map((node) => writer.node(node)),
        /"b\/a" does not belong/,
      ],
      [
        (writer) => [root, a, { ...a, path: path("a/b") }].map((node) => writer.node(node)),
        /"a\/b" does not belong/,
      ],
      [(writer) => [writer.node(root), writer.nodeEnd(), writer.node(root)], /follows the root/],
      [(writer) => [writer.node(root), writer.node(a), writer.nodeEnd()], /fewer bytes/],
      [(writer) => [writer.node(root), writer.node(a), writer.content(Buffer.from("xyz"))], /more bytes/],
    ];
    for (const [attempt, message] of attempts) {
      assert.throws(() => attempt(new NarWriter(() => {})), nixError("NAR_INVALID", message));
    }
  });
});

test("a NAR in pieces names the files whose contents belong between", () => {
  const tree = { entries: [file("a", "abc"), file("b", "d")] };
  const pieces = [...narPieces(tree)].filter((piece): piece is FileEntry => !(piece instanceof Uint8Array));
  assert.deepEqual(pieces, tree.entries);
});

describe("listings, as nix copy writes them", () => {
  const folder = "binary-cache/caches/xz-listing-debug";
  for (const hash of [
    "3xkrxy239x9zzvz2vgj9byxxpp4f8kjc",
    "8mcskl2dzwzc8rzndcp9n0x3vwafx358",
    "h5l1idbphdisgzzcf22dg9lv7iyq2ixm",
    "i9pmrzmpshapij2kin22pff6fc2adavx",
    "kacvawdr4994va4sfgmb91jgxdkm3g8v",
    "n5b1lggkirnsjy3gr7z11dvlz0zk1k2z",
  ]) {
    test(hash, () => {
      const narinfo = readVector(`binary-cache/caches/none/${hash}.narinfo`).toString();
      const nar = readVector(`binary-cache/caches/none/${/^URL: (.*)$/m.exec(narinfo)![1]}`);
      assert.equal(formatNarListing(readNar(nar)), readVector(`${folder}/${hash}.ls`).toString());
    });
  }

  test("offsets point at the contents, and names that look like numbers keep their order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[0-9_a-b"\\]{1,4}$/), { maxLength: 8 }), (names) => {
        const tree = createTree(names.map((at) => file(at, `content of ${at}`)));
        const nar = narOf(tree);
        const json = formatNarListing(tree);
        const { root } = JSON.parse(json) as {
          root: { entries: Record<string, { size: number; narOffset: number }> };
        };
        for (const at of names) {
          const { size, narOffset } = root.entries[at]!;
          assert.equal(nar.toString("utf8", narOffset, narOffset + size), `content of ${at}`);
        }
        const offsets = [...json.matchAll(/"narOffset":(\d+)/g)].map((match) => Number(match[1]));
        assert.deepEqual(
          offsets,
          offsets.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  test("cannot hold what is not UTF-8", () => {
    const tree = { entries: [symlink("l", "\xff")] };
    assert.throws(() => formatNarListing(tree), nixError("NAR_INVALID", /not UTF-8/));
    assert.match(formatNarListing({ entries: [file("é")] }), /"é":/);
  });
});
