import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compose, idOf, type PackageDescription, reportsOf, show } from "../../test/kit/packages.ts";
import { RootFsError } from "./errors.ts";

async function refuses(packages: readonly PackageDescription[], code: string, message: RegExp) {
  await assert.rejects(compose(packages), (error) => {
    assert.ok(error instanceof RootFsError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

test("moves what lies in /bin, /sbin and /lib below /usr, and links the directories", async () => {
  const root = await compose([
    { name: "a", tree: { "bin/": {}, "bin/sh": { target: "dash" }, "lib64/ld.so": "x" } },
    { name: "b", tree: { "usr/bin/dash": "d" } },
  ]);
  assert.equal(show(root, "bin"), "l usr/bin");
  assert.equal(show(root, "usr/bin/sh"), "l dash");
  assert.equal(show(root, "lib64"), "l usr/lib64");
  assert.equal(show(root, "usr/lib64/ld.so"), 'f 0644 0:0 "x"');
  assert.equal(show(root, "lib32"), undefined, "there is nothing behind it");
});

test("keeps the links that a package ships", async () => {
  const root = await compose([{ name: "base-files", tree: { bin: { target: "usr/bin" }, "usr/bin/": {} } }]);
  assert.equal(show(root, "bin"), "l usr/bin");
  assert.ok(
    root.units[0]?.entries.some((entry) => entry.path === "bin"),
    "it stays the package's",
  );
});

test("moves /var/run and /var/lock", async () => {
  const root = await compose([
    { name: "a", tree: { "var/run/": {}, "var/run/app/": { mode: 0o750 }, "var/lock/x/": {} } },
  ]);
  assert.equal(show(root, "var/run"), "l /run");
  assert.equal(show(root, "run/app"), "d 0750 0:0");
  assert.equal(show(root, "run/lock/x"), "d 0755 0:0");
});

test("follows a link to a directory that another package ships, over several steps", async () => {
  const root = await compose([
    { name: "a", tree: { "usr/share/old/data": "1", "opt/x/y/z": "2" } },
    {
      name: "b",
      tree: { "usr/share/old": { target: "new" }, "opt/x": { target: "/srv/x" }, "srv/x/y": { target: "w" } },
    },
  ]);
  assert.equal(show(root, "usr/share/old"), "l new");
  assert.equal(show(root, "usr/share/new/data"), 'f 0644 0:0 "1"');
  assert.equal(show(root, "srv/x/w/z"), 'f 0644 0:0 "2"');
});

test("does not follow links out of the root", async () => {
  const root = await compose([
    { name: "a", tree: { "data/file": "1" } },
    { name: "b", tree: { data: { target: "../../../../etc" } } },
  ]);
  assert.equal(show(root, "etc/file"), 'f 0644 0:0 "1"');
});

test("drops a compatibility link that leads to itself", async () => {
  const root = await compose([{ name: "a", tree: { "bin/x": { target: "/usr/bin/x" }, "usr/bin/x": "x" } }]);
  assert.equal(show(root, "usr/bin/x"), 'f 0644 0:0 "x"');
  assert.deepEqual(reportsOf(root, "merge"), [
    "skip /usr/bin/x: the link leads to itself once /usr is merged",
  ]);
});

test("refuses files below links that lead round in a circle", () =>
  refuses(
    [
      { name: "a", tree: { x: { target: "y" } } },
      { name: "b", tree: { y: { target: "x" } } },
      { name: "c", tree: { "x/file": "1" } },
    ],
    "LINK_LOOP",
    /^Cannot merge the packages: files lie below \/[xy], a link that leads round in a circle$/,
  ));

test("links in a circle with nothing below them do no harm", async () => {
  const root = await compose([{ name: "a", tree: { x: { target: "y" }, y: { target: "x" } } }]);
  assert.equal(show(root, "x"), "l y");
});

test("directories of several packages become one, as the Essential package has it", async () => {
  const root = await compose([
    { name: "a", tree: { "var/x/": { mode: 0o700 }, "var/y/": { mode: 0o711 } } },
    { name: "b", tree: { "var/x/": { mode: 0o1777 } }, control: { Essential: "yes" } },
    { name: "c", tree: { "var/y/": { mode: 0o755 }, "var/z/file": "1" } },
    { name: "d", tree: { "var/z/": { mode: 0o750 } } },
  ]);
  assert.equal(show(root, "var/x"), "d 01777 0:0");
  assert.equal(show(root, "var/y"), "d 0711 0:0", "of the first id");
  assert.equal(show(root, "var/z"), "d 0750 0:0", "said beats implied");
});

test("equal files of two packages are one", async () => {
  const root = await compose([
    { name: "a", tree: { "usr/x": "1", "usr/l": { target: "x" } } },
    { name: "b", tree: { "usr/x": "1", "usr/l": { target: "/usr/x" } } },
  ]);
  const owners = root.units.filter(({ entries }) => entries.some(({ path }) => path === "usr/x"));
  assert.deepEqual(
    owners.map(({ id }) => id),
    [idOf("a")],
  );
});

test("refuses different files under one path, naming both packages", async () => {
  const message = /^Cannot merge \/usr\/x: a 1 and b 2 both have it and differ, one of them was wanted$/;
  await refuses(
    [
      { name: "a", tree: { "usr/x": "1" } },
      { name: "b", version: "2", tree: { "usr/x": "2" } },
    ],
    "FILE_CONFLICT",
    message,
  );
  await refuses(
    [
      { name: "a", tree: { "usr/x": "1" } },
      { name: "b", version: "2", tree: { "usr/x/y": "2" } },
    ],
    "FILE_CONFLICT",
    message,
  );
  await refuses(
    [
      { name: "a", tree: { "usr/x/y": "1" } },
      { name: "b", version: "2", tree: { "usr/x": "2" } },
    ],
    "FILE_CONFLICT",
    message,
  );
});

test("honours Replaces, with its version", async () => {
  const old = { name: "a", version: "1", tree: { "usr/x": "old", "usr/y": "a" } };
  const replacer = (relation: string) => ({
    name: "b",
    tree: { "usr/x": "new" },
    control: { Replaces: relation },
  });
  for (const order of [
    [old, replacer("c, a (<< 2)")],
    [replacer("a"), old],
  ]) {
    const root = await compose(order);
    assert.equal(show(root, "usr/x"), 'f 0644 0:0 "new"');
    assert.equal(show(root, "usr/y"), 'f 0644 0:0 "a"');
    assert.deepEqual(reportsOf(root, "merge"), ["replace /usr/x: b 1 replaces the file of a 1"]);
  }
  await refuses([old, replacer("a (<< 1)")], "FILE_CONFLICT", /usr\/x/);
});

test("gives other packages' files the name that a diversion says", async () => {
  const preinst = `#!/bin/sh
set -e
if [ "$1" = install ]; then
  dpkg-divert --package b --add --rename --divert /usr/bin/tool.real /usr/bin/tool
fi
`;
  const root = await compose([
    { name: "a", tree: { "usr/bin/tool": "a" } },
    { name: "b", tree: { "usr/bin/tool": "b" }, files: { preinst } },
  ]);
  assert.equal(show(root, "usr/bin/tool"), 'f 0644 0:0 "b"');
  assert.equal(show(root, "usr/bin/tool.real"), 'f 0644 0:0 "a"');
});

test("hard links stay within their package, also below a merged directory", async () => {
  const root = await compose([
    { name: "a", tree: { "bin/x": { text: "1", inode: "i" }, "bin/y": { text: "1", inode: "i" } } },
  ]);
  const inodes = root.units[0]!.entries.flatMap((entry) => (entry.type === "file" ? [entry.inode] : []));
  assert.deepEqual(inodes, ["i", "i"]);
});

test("the order of packages does not matter", async () => {
  const packages: PackageDescription[] = [
    { name: "a", tree: { "bin/a": "1", "var/run/a/": {}, "usr/share/d/": { mode: 0o711 } } },
    { name: "b", tree: { "usr/share/d/f": "2", "usr/lib/link": { target: "dir" } }, needs: ["a"] },
    {
      name: "c",
      tree: { "usr/lib/link/x": "3", "usr/share/d/": { mode: 0o750 } },
      control: { Essential: "yes" },
    },
    {
      name: "d",
      files: { postinst: "#!/bin/sh\nadduser --system --group --home /var/lib/d d\n" },
      needs: ["b"],
    },
    { name: "e", files: { postinst: "#!/bin/sh\nadduser --system e\nln -s /usr/share/d/f /etc/f\n" } },
  ];
  const dump = async (order: readonly PackageDescription[]) => {
    const root = await compose(order);
    return [...root.merged.keys()].map((path) => `${path} ${show(root, path)}`);
  };
  const expected = await dump(packages);
  const orders = fc.shuffledSubarray(packages, { minLength: packages.length });
  await fc.assert(
    fc.asyncProperty(orders, async (order) => assert.deepEqual(await dump(order), expected)),
    { numRuns: 20 },
  );
});
