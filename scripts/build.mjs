// src/ → dist/: JavaScript and declarations by tsc, data files copied, and a build id that cache keys contain.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
};
const root = join(import.meta.dirname, "..");
const src = join(root, "src");
// Built beside its place: a build that fails leaves the one before. Types are checked by `npm run check`.
const dist = join(root, `dist.new.${process.pid}`);

// What a build that was killed left.
for (const name of readdirSync(root)) {
  if (/^dist\.(?:new|old)\./.test(name) && !isAlive(Number(name.split(".")[2]))) {
    rmSync(join(root, name), { recursive: true, force: true });
  }
}
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
// The old one makes room by a rename, so that what runs meanwhile finds one of the two.
const old = join(root, `dist.old.${process.pid}`);
try {
  renameSync(join(root, "dist"), old);
} catch (error) {
  if (error.code !== "ENOENT") throw error;
}
renameSync(dist, join(root, "dist"));
rmSync(old, { recursive: true, force: true });
