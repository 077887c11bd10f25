// The token kinds: all modules of interfaces/. Adding one is adding a file there.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { importModules, moduleNames } from "../platform/discover.ts";
import { readSmallFile } from "../platform/files.ts";
import type { TokenKind } from "./token-kind.ts";

const FOLDER = new URL("./interfaces/", import.meta.url);

/** Imports every kind, in the order of their files' names. */
export async function loadTokenKinds(): Promise<TokenKind[]> {
  const modules = await importModules<{ tokenKind: TokenKind }>(FOLDER);
  return modules.map(({ module }) => module.tokenKind);
}

/** The modules beside interfaces/ on which facts depend. */
const MODULES = [
  "./facts",
  "./gates",
  "./common-words",
  "./literals",
  "./scanned-file",
  "../formats/beam",
  "../formats/elf",
  "../formats/zip",
];

const MAX_MODULE = 1 << 20;

/** A text that changes whenever the code changes by which facts are computed: part of the key of cached facts. */
export function factsVersion(): string {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const hash = createHash("sha256");
  const urls = [
    ...moduleNames(FOLDER).map((name) => new URL(`${name}${extension}`, FOLDER)),
    ...MODULES.map((name) => new URL(`${name}${extension}`, import.meta.url)),
  ];
  for (const url of urls) {
    const text = readSmallFile(fileURLToPath(url), MAX_MODULE);
    hash.update(`${url.href.replace(/^.*\//, "")}\0`);
    if (Buffer.isBuffer(text)) hash.update(text);
  }
  return hash.digest("hex").slice(0, 16);
}
