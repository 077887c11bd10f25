// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a format of dpkg-query
// What ldconfig, update-ca-certificates and openssl make on this machine is what the fixes make of the same files.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { formatLibraryCache, parseLibraryCache } from "../../src/formats/ld-so-cache.ts";
import { computeSubjectHash, parseCertificates } from "../../src/formats/x509.ts";
import type { BytePath, ByteString } from "../../src/model/bytes.ts";
import { SILENT_PROGRESS } from "../../src/model/progress.ts";
import type { TreeEntry } from "../../src/model/tree.ts";
import { composeRootFileSystem } from "../../src/rootfs/compose.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makePackage } from "../kit/packages.ts";
import { hasTool, run, skipWithout } from "../kit/tools.ts";

const MULTIARCH = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const LDCONFIG = ["/sbin/ldconfig", "/usr/sbin/ldconfig"].find((path) => existsSync(path));

/** The files of directories of this machine as one package's tree, links as they are. */
function readTree(directories: readonly string[], pattern: RegExp): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (const directory of directories) {
    for (const name of readdirSync(directory, { encoding: "latin1" })) {
      // Names are bytes: as text they might be another name.
      const file = Buffer.from(join(directory, name), "latin1");
      const path = join(directory, name).slice(1) as BytePath;
      const common = { path, mode: 0o644, uid: 0, gid: 0 };
      const status = lstatSync(file);
      if (!pattern.test(name)) continue;
      if (status.isSymbolicLink()) {
        entries.push({ ...common, type: "symlink", target: readlinkSync(file, "latin1") as ByteString });
      } else if (status.isFile()) {
        const bytes = readFileSync(file);
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        entries.push({
          ...common,
          type: "file",
          size: bytes.length,
          content: { kind: "bytes", bytes, sha256 },
        });
      }
    }
  }
  return entries;
}

async function compose(entries: readonly TreeEntry[], name: string, version: string) {
  const object = makePackage({ name, version });
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  const unit = { object: { ...object, tree: { entries: sorted } }, entries: sorted };
  return composeRootFileSystem(
    { roots: [], units: [unit], edges: [], pruned: [] },
    { architecture: ARCHITECTURE },
    { progress: SILENT_PROGRESS, signal: new AbortController().signal },
  );
}

function bytesOf(root: Awaited<ReturnType<typeof compose>>, path: string): Buffer {
  const entry = root.merged.get(path as BytePath);
  assert.ok(entry?.type === "file" && entry.content.kind === "bytes", path);
  return Buffer.from(entry.content.bytes);
}

test("this machine's own ld.so.cache is written again byte for byte", (t) => {
  if (!existsSync("/etc/ld.so.cache")) return t.skip("there is no /etc/ld.so.cache");
  const bytes = readFileSync("/etc/ld.so.cache");
  const cache = parseLibraryCache(bytes);
  if (cache === undefined) return t.skip("the machine's cache has another format");
  assert.ok(formatLibraryCache(cache).equals(bytes));
  t.diagnostic(`${cache.libraries.length} libraries`);
});

test("ldconfig -r makes the same cache and the same links of the same libraries", async (t) => {
  if (LDCONFIG === undefined) return t.skip("ldconfig is not installed");
  const libc = globSync("/var/lib/dpkg/info/libc6:*.list").length > 0 && hasTool("dpkg-query");
  if (!libc) return t.skip("this is no Debian with glibc");
  const version = run("dpkg-query", ["-W", "--showformat=${Version}", `libc6:${ARCHITECTURE}`]);
  const real = temporaryDirectory(t);
  const source = `/usr/lib/${MULTIARCH}`;
  // Libraries with numbers, several versions, plugins for processors, and files that are none.
  const entries = readTree([source], /^(?:lib[a-m]|libz|libpng|ld-).*\.so(?:\.[0-9.]+)?$/).filter(
    (entry) => entry.type === "file" && entry.size < 3 << 20,
  );
  const first = entries.find((entry) => entry.path.includes("libz.so")) ?? entries[0]!;
  const hwcaps = ["x86-64-v3", "x86-64-v2"].map((name): TreeEntry => {
    const path = `usr/lib/${MULTIARCH}/glibc-hwcaps/${name}/${basename(first.path)}` as BytePath;
    return { ...first, path } as TreeEntry;
  });
  const conf = (path: string, text: string): TreeEntry => {
    const bytes = Buffer.from(text);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return {
      path: path as BytePath,
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      content: { kind: "bytes", bytes, sha256 },
    };
  };
  const all = [
    ...entries,
    ...(ARCHITECTURE === "amd64" ? hwcaps : []),
    { ...first, path: `usr/local/lib/${basename(first.path)}` as BytePath },
    conf("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n"),
    conf("etc/ld.so.conf.d/libc.conf", "# libc default configuration\n/usr/local/lib\n"),
    conf(
      `etc/ld.so.conf.d/${MULTIARCH}.conf`,
      `# Multiarch support\n/usr/local/lib/${MULTIARCH}\n/lib/${MULTIARCH}\n/usr/lib/${MULTIARCH}\n`,
    ),
    conf(`usr/lib/${MULTIARCH}/libscript.so`, "/* GNU ld script */ INPUT ( libx.so )".padEnd(200)),
  ];
  for (const entry of all) {
    const file = join(real, entry.path);
    mkdirSync(dirname(file), { recursive: true });
    if (entry.type === "file" && entry.content.kind === "bytes") writeFileSync(file, entry.content.bytes);
  }
  symlinkSync("usr/lib", join(real, "lib"));
  const ldconfig = spawnSync(LDCONFIG, ["-r", real], { encoding: "latin1" });
  if (ldconfig.status !== 0) return t.skip(`ldconfig -r does not work here: ${ldconfig.stderr.trim()}`);
  const root = await compose(all, "libc6", version);
  const expected = readFileSync(join(real, "etc/ld.so.cache"));
  const actual = bytesOf(root, "etc/ld.so.cache");
  assert.deepEqual(parseLibraryCache(actual), parseLibraryCache(expected));
  assert.ok(actual.equals(expected), "the bytes differ");
  for (const directory of [source, "/usr/local/lib"]) {
    for (const name of readdirSync(join(real, directory))) {
      const file = join(real, directory, name);
      if (!lstatSync(file).isSymbolicLink()) continue;
      const link = root.merged.get(join(directory, name).slice(1) as BytePath);
      assert.equal(link?.type === "symlink" ? link.target : link?.type, readlinkSync(file), name);
    }
  }
  t.diagnostic(`${entries.length} libraries`);
});

test("the bundle is update-ca-certificates', and every hash is openssl's", async (t) => {
  const bundle = "/etc/ssl/certs/ca-certificates.crt";
  if (!existsSync(bundle) || !existsSync("/usr/share/ca-certificates"))
    return t.skip("ca-certificates is not installed");
  const directories = globSync("/usr/share/ca-certificates/*/");
  const local = existsSync("/usr/local/share/ca-certificates") ? ["/usr/local/share/ca-certificates"] : [];
  const entries = readTree([...directories.map((one) => one.replace(/\/$/, "")), ...local], /\.crt$/);
  const root = await compose(
    [...entries, ...readTree(["/etc"], /^ca-certificates\.conf$/)],
    "ca-certificates",
    "1",
  );
  assert.ok(
    bytesOf(root, "etc/ssl/certs/ca-certificates.crt").equals(readFileSync(bundle)),
    "the bundle differs",
  );
  const links = readdirSync("/etc/ssl/certs", { encoding: "latin1" }).filter((name) =>
    /^[0-9a-f]{8}\.\d+$/.test(name),
  );
  for (const name of links) {
    const target = readlinkSync(join("/etc/ssl/certs", name), "latin1");
    if (!lstatSync(Buffer.from(join("/etc/ssl/certs", target), "latin1")).isSymbolicLink()) continue;
    const link = root.merged.get(`etc/ssl/certs/${name}` as BytePath);
    assert.equal(link?.type === "symlink" ? link.target : undefined, target, name);
  }
  t.diagnostic(`${links.length} links by hash`);
});

test("hashes of subjects in all string types are openssl's", (t) => {
  if (skipWithout(t, "openssl")) return;
  const directory = temporaryDirectory(t);
  const subjects = [
    "/CN=plain",
    "/C=DE/O=  A   B /CN=x",
    "/CN=Ünïcode ÄÖ",
    "/O=UPPER/OU=a+CN=b/emailAddress=X@Y",
    "/CN=日本",
  ];
  for (const mask of ["utf8only", "default", "pkix", "nombstr"]) {
    for (const [index, subject] of subjects.entries()) {
      const file = join(directory, `${mask}${index}.pem`);
      const config = join(directory, "config");
      writeFileSync(config, `[req]\nstring_mask=${mask}\ndistinguished_name=dn\n[dn]\n`);
      const made = spawnSync("openssl", [
        ...[
          "req",
          "-x509",
          "-newkey",
          "rsa:1024",
          "-nodes",
          "-keyout",
          "/dev/null",
          "-utf8",
          "-multivalue-rdn",
        ],
        ...["-config", config, "-subj", subject, "-out", file],
      ]);
      // Some subjects cannot be written in some string types.
      if (made.status !== 0) continue;
      const expected = run("openssl", ["x509", "-in", file, "-noout", "-hash"]).trim();
      const [certificate] = parseCertificates(readFileSync(file, "latin1"));
      assert.equal(computeSubjectHash(certificate!), expected, `${subject} as ${mask}`);
    }
  }
});
