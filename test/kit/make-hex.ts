// Makes packages of hex.pm: tarballs as `mix hex.publish` and `rebar3 hex publish` write them.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { rawTar } from "./tar.ts";

export interface MadePackage {
  /** `NAME-VERSION.tar` */
  readonly file: string;
  readonly bytes: Buffer;
  /** Checksums as locks have them, lower-case hex. */
  readonly inner: string;
  readonly outer: string;
}

export function makeHexPackage(
  name: string,
  version: string,
  files: Readonly<Record<string, string>>,
): MadePackage {
  const contents = gzipSync(
    rawTar(Object.entries(files).map(([path, content]) => ({ name: path, content }))),
  );
  const metadata = `{<<"name">>,<<"${name}">>}.\n{<<"version">>,<<"${version}">>}.\n`;
  const inner = createHash("sha256").update("3").update(metadata).update(contents).digest("hex");
  const bytes = Buffer.from(
    rawTar([
      { name: "VERSION", content: "3" },
      { name: "CHECKSUM", content: inner.toUpperCase() },
      { name: "metadata.config", content: metadata },
      { name: "contents.tar.gz", content: contents },
    ]),
  );
  const outer = createHash("sha256").update(bytes).digest("hex");
  return { file: `${name}-${version}.tar`, bytes, inner, outer };
}
