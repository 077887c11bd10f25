// A program of this machine → the ImageSpec of an image that runs it, for `tare build ./server` without any image.ts.

import { basename } from "node:path";
import { parseElf } from "../formats/elf.ts";
import type { Architecture, ImageSpec } from "../model/image-spec.ts";
import { readStart } from "../platform/files.ts";
import { machineArchitecture } from "../platform/machine.ts";
import { buildLayeredImage } from "./build-layered-image.ts";

/** By `e_machine`. */
const ARCHITECTURES: Readonly<Record<number, Architecture>> = { 62: "amd64", 183: "arm64" };

/** Bytes of a 64-bit ELF header. */
const HEADER_SIZE = 64;

/**
 * Describes an image of one program, which it starts.
 *
 * The image is named after the file, is for the processor that the program is for, and has what the program needs from
 * Debian bookworm.
 *
 * @param file Absolute path of an ELF file or a script.
 */
export function describeProgram(file: string): ImageSpec {
  const machine = parseElf(readStart(file, HEADER_SIZE))?.machine;
  const target = `/usr/bin/${basename(file)}`;
  return buildLayeredImage({
    name: toImageName(basename(file)),
    architecture: ARCHITECTURES[machine ?? -1] ?? machineArchitecture(),
    contents: { kind: "file", path: file, target, mode: 0o755, archive: undefined },
    config: { Entrypoint: [target] },
  });
}

/** A file's name made to fit what an image may be called. */
function toImageName(name: string): string {
  const fitting = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/[._-]{2,}/g, "-")
    .replace(/^[._-]+|[._-]+$/g, "");
  return fitting === "" ? "program" : fitting;
}
