// The files of a root that the kernel or a dynamic loader would load, each read once: ELF files and scripts.

import { type ElfLinkage, parseElfLinkage } from "../../formats/elf.ts";
import { parseShebang, SHEBANG_SIZE, type Shebang } from "../../formats/shebang.ts";
import type { BytePath } from "../../model/bytes.ts";
import type { RootFile, RootView } from "../root-view.ts";

export interface ElfFile {
  readonly path: BytePath;
  readonly file: RootFile;
  readonly elf: ElfLinkage;
  /** What may be loaded together: see {@link formatAbi}. */
  readonly abi: string;
}

export interface Script {
  readonly path: BytePath;
  readonly file: RootFile;
  readonly shebang: Shebang;
}

export interface FileFacts {
  readonly elves: ReadonlyMap<BytePath, ElfFile>;
  /** Files with a shebang and a permission to execute. */
  readonly scripts: ReadonlyMap<BytePath, Script>;
}

/** What an object must have in common with a process to be loaded into it. */
export function formatAbi(elf: Pick<ElfLinkage, "machine" | "class" | "endianness">): string {
  return `${elf.machine}/${elf.class}/${elf.endianness}`;
}

/** Whether somebody may execute a file. */
export function isExecutable({ mode }: { readonly mode: number }): boolean {
  return (mode & 0o111) !== 0;
}

/** Reads the beginning of every file, and the dynamic segments of ELF files. */
export function readFileFacts(root: RootView): FileFacts {
  const elves = new Map<BytePath, ElfFile>();
  const scripts = new Map<BytePath, Script>();
  const probe = Buffer.allocUnsafe(SHEBANG_SIZE);
  for (const file of root.filesByStorage()) {
    if (file.size < 4) continue;
    const start = probe.subarray(0, Math.min(SHEBANG_SIZE, file.size));
    root.readInto(file, 0, start);
    const { path } = file;
    if (start[0] === 0x7f && start[1] === 0x45) {
      const elf = parseElfLinkage({
        size: file.size,
        readInto: (position, target) => root.readInto(file, position, target),
      });
      if (elf !== undefined) elves.set(path, { path, file, elf, abi: formatAbi(elf) });
    } else if (start[0] === 0x23 && start[1] === 0x21 && isExecutable(file)) {
      const shebang = parseShebang(start.toString("latin1"));
      if (shebang !== undefined) scripts.set(path, { path, file, shebang });
    }
  }
  return { elves, scripts };
}
