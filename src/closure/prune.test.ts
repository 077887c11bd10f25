import assert from "node:assert/strict";
import { test } from "node:test";
import { toBytePath } from "../model/bytes.ts";
import { createTree, type TreeEntry } from "../model/tree.ts";
import { fileClassOf, pruneEntries } from "./prune.ts";

const table: [path: string, fileClass: string | undefined][] = [
  ["usr/share/doc/bash/copyright", "documentation"],
  ["usr/share/man/man1/bash.1.gz", "manual pages"],
  ["usr/share/locale/de/LC_MESSAGES/bash.mo", "translations"],
  ["usr/lib/locale/C.utf8/LC_CTYPE", undefined],
  ["lib/systemd/system/redis.service", "service manager units"],
  ["usr/lib/systemd/libsystemd-shared-252.so", undefined],
  ["etc/init.d/redis", "service manager units"],
  ["etc/rc2.d/S01redis", "service manager units"],
  ["etc/logrotate.d/redis", "scheduled and administrative jobs"],
  ["etc/redis/redis.conf", undefined],
  ["usr/share/lintian/overrides/redis", "packaging"],
  ["usr/share/bash-completion/completions/redis", "shell completions and editor add-ons"],
  ["usr/share/bash-completion/bash_completion", undefined],
  ["usr/share/zsh/functions/Misc/colors", undefined],
  ["usr/share/vim/vim90/defaults.vim", undefined],
  ["usr/share/emacs/28.2/lisp/subr.elc", undefined],
  ["usr/share/applications/vim.desktop", "desktop menus"],
  ["usr/include/stdio.h", "development files"],
  ["usr/lib/gcc/x86_64-linux-gnu/12/include/omp.h", "development files"],
  ["usr/lib/x86_64-linux-gnu/libz.a", "development files"],
  ["usr/lib/x86_64-linux-gnu/libz.la", "development files"],
  ["usr/lib/x86_64-linux-gnu/Scrt1.o", "development files"],
  ["usr/lib/aarch64-linux-gnu/pkgconfig/zlib.pc", "development files"],
  ["usr/lib/x86_64-linux-gnu/perl/5.36.0/CORE/perl.h", "development files"],
  ["usr/lib/x86_64-linux-gnu/perl/5.36.0/CORE.pod", "documentation"],
  ["usr/lib/x86_64-linux-gnu/perl/5.36.0/CORE.pm", undefined],
  ["usr/lib/avr/include/stdio.h", undefined],
  ["usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/modules-Q16/coders/png.la", undefined],
  ["usr/lib/x86_64-linux-gnu/libz.so.1", undefined],
  ["usr/share/perl/5.36.0/pod/perl.pod", "documentation"],
  ["usr/share/perl/5.36.0/strict.pm", undefined],
  ["usr/share/documents/a", undefined],
];
for (const [path, fileClass] of table) {
  test(`${path} is of ${fileClass ?? "no class"}`, () => {
    assert.equal(fileClassOf(toBytePath(path), { keepDevelopmentFiles: false }), fileClass);
  });
}

test("an image with a compiler keeps its headers", () => {
  assert.equal(fileClassOf(toBytePath("usr/include/stdio.h"), { keepDevelopmentFiles: true }), undefined);
});

test("directories that a package ships empty stay, those that pruning empties go", () => {
  const at = (path: string) => ({ path: toBytePath(path), mode: 0o755, uid: 0, gid: 0 });
  const directory = (path: string): TreeEntry => ({ ...at(path), type: "directory" });
  const file = (path: string, size: number): TreeEntry => ({
    ...at(path),
    type: "file",
    size,
    content: { kind: "bytes", bytes: new Uint8Array(size), sha256: "0".repeat(64) },
  });
  const { entries } = createTree([
    directory("usr"),
    directory("usr/bin"),
    file("usr/bin/a", 10),
    directory("usr/share"),
    directory("usr/share/doc"),
    directory("usr/share/doc/a"),
    file("usr/share/doc/a/copyright", 100),
    directory("var"),
    directory("var/lib"),
    directory("var/lib/a"),
  ]);
  const { kept, pruned } = pruneEntries(entries, { keepDevelopmentFiles: false });
  assert.deepEqual(
    kept.map(({ path }) => path),
    ["usr", "usr/bin", "usr/bin/a", "var", "var/lib", "var/lib/a"],
  );
  assert.deepEqual(pruned, [{ name: "documentation", files: 1, size: 100 }]);
});
