// src/ → dist/: JavaScript and declarations by tsc, data files copied, and a build id that cache keys contain.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const src = join(root, "src");
// Built beside its place: a build that fails leaves the one before. Types are checked by `npm run check`.
const dist = join(root, "dist.new");

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--noCheck", "--outDir", dist], {
  cwd: root,
  stdio: "inherit",
});
const files = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
for (const file of files(src)) {
  if (!file.endsWith(".ts")) cpSync(file, join(dist, file.slice(src.length)));
}
const hash = createHash("sha256");
for (const file of files(dist)) {
  if (file.endsWith(".d.ts")) continue;
  hash.update(file.slice(dist.length)).update("\0").update(readFileSync(file));
}
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
writeFileSync(join(dist, "build.json"), `${JSON.stringify({ version, id: hash.digest("hex") })}\n`);
rmSync(join(root, "dist"), { recursive: true, force: true });
renameSync(dist, join(root, "dist"));
