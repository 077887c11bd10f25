import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyLiterals, normalizePath, scanLiterals, scanWords } from "./literals.ts";

function scan(content: string | Buffer, options: { hashComments?: boolean; wide?: boolean } = {}) {
  const found = emptyLiterals();
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  scanLiterals(bytes, { hashComments: options.hashComments ?? false, wide: options.wide ?? false }, found);
  return {
    paths: [...found.paths].sort(),
    suffixes: [...found.suffixes].sort(),
    libraries: [...found.libraries].sort(),
  };
}

const PATHS: readonly { summary: string; text: string; paths?: string[]; suffixes?: string[] }[] = [
  { summary: "a path", text: '"/usr/share/x"', paths: ["usr/share/x"] },
  {
    summary: "merged /usr",
    text: "/bin/sh /lib/a /lib64/b",
    paths: ["usr/bin/sh", "usr/lib/a", "usr/lib64/b"],
  },
  { summary: "a list", text: "/usr/bin:/opt/a", paths: ["opt/a", "usr/bin"] },
  { summary: "an option", text: "cc -I/usr/include/x -L/opt/l", paths: ["opt/l", "usr/include/x"] },
  { summary: "no option but a word", text: "x-I/usr/a", suffixes: ["usr/a"] },
  {
    summary: "a variable",
    text: "$prefix/lib/a $" + "{p}/b/c $(D)/d %s/share/x",
    suffixes: ["b/c", "d", "lib/a", "share/x"],
  },
  { summary: "a closing tag", text: "</tag>", suffixes: ["tag"] },
  { summary: "a URL's host", text: "https://example.org/usr/lib", suffixes: [] },
  { summary: "a file URL", text: "file:///usr/lib/x", paths: ["usr/lib/x"] },
  { summary: "dots at the end", text: "in /etc/foo.conf.", paths: ["etc/foo.conf"] },
  { summary: "dot components", text: "/usr/../etc/x", paths: [] },
  { summary: "a home directory", text: "~/.config/x", suffixes: [".config/x"] },
];

for (const { summary, text, paths = [], suffixes } of PATHS) {
  test(`paths: ${summary}`, () => {
    const found = scan(text);
    assert.deepEqual(found.paths, paths.sort());
    if (summary !== "a URL's host") assert.deepEqual(found.suffixes, (suffixes ?? []).sort());
  });
}

test("lines that begin with # are comments where asked, a shebang never", () => {
  const text = "#!/usr/bin/foo\n  # /etc/no\nx /etc/yes # /etc/behind\n#libno.so\n";
  const found = scan(text, { hashComments: true });
  assert.deepEqual(found.paths, ["etc/behind", "etc/yes", "usr/bin/foo"]);
  assert.deepEqual(found.libraries, []);
});

test("UTF-16 and UTF-32 literals", () => {
  const utf32 = Buffer.from([..."\0/usr/share/wide\0"].flatMap((c) => [c.charCodeAt(0), 0, 0, 0]));
  const utf16 = Buffer.from("\0/usr/lib/w\0libw.so.2\0", "utf16le");
  assert.deepEqual(scan(Buffer.concat([utf32, utf16]), { wide: true }), {
    paths: ["usr/lib/w", "usr/share/wide"],
    suffixes: [],
    libraries: ["libw.so.2"],
  });
});

test("names of libraries", () => {
  const text = "libx.so.1.2 mod_a.so,libm.so com.sony x.soo lib%s.so ./libz++-3.so";
  assert.deepEqual(scan(text).libraries, ["libm.so", "libx.so.1.2", "libz++-3.so", "mod_a.so", "s.so"]);
});

test("words and commands are whole NUL-delimited strings", () => {
  const found = { words: new Set<string>(), commands: new Set<string>() };
  scanWords(Buffer.from("ssh\0rm -rf %s\0hello world\0x\0cat <in\0g++\0 lead\0end", "latin1"), found);
  assert.deepEqual([...found.words], ["ssh", "g++", "end"]);
  assert.deepEqual([...found.commands], ["rm", "cat"]);
});

test("bytes before and after, kept apart by NUL, never take a literal away", () => {
  const text = fc.string({ unit: fc.constantFrom(..."/ab.so1\0 \n:$-"), maxLength: 60 });
  fc.assert(
    fc.property(text, text, text, (before, middle, after) => {
      const inner = scan(`\0${middle}\0`);
      const whole = scan(`${before}\0${middle}\0${after}`);
      for (const list of ["paths", "suffixes", "libraries"] as const) {
        for (const literal of inner[list]) assert.ok(whole[list].includes(literal), `${list} ${literal}`);
      }
    }),
    { seed: 3, numRuns: 2000 },
  );
});

test("any bytes are scanned without an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      scan(Buffer.from(bytes), { hashComments: true, wide: true });
      scanWords(Buffer.from(bytes), { words: new Set(), commands: new Set() });
    }),
    { seed: 4 },
  );
});

test("merged /usr", () => {
  for (const [path, normal] of [
    ["bin", "usr/bin"],
    ["lib/x", "usr/lib/x"],
    ["library/x", "library/x"],
    ["usr/bin/x", "usr/bin/x"],
  ]) {
    assert.equal(normalizePath(path!), normal);
  }
});
