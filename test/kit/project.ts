// A small project of a test: an archive of its own, an image.ts that asks for it, and the CLI on both.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type CliOptions, type CliResult, tare } from "./cli.ts";
import { temporaryDirectory } from "./context.ts";
import { type ArchiveOptions, makeArchive, type TestArchive } from "./debian-archive.ts";

/** A program, a library that it needs, data, a user, a link of an alternative; nothing of it is ever run. */
export const PACKAGES: ArchiveOptions = {
  packages: [
    {
      name: "greeter",
      version: "1:2.0-3",
      fields: { Depends: "libgreet1 (>= 1.0), greet-data | greet-data-big", "Pre-Depends": "base-links" },
      files: {
        "usr/bin/greet": { text: "#!/usr/bin/greet-sh\necho hello\n", mode: 0o755 },
        "usr/bin/greet-sh": { text: "no real shell either\n", mode: 0o755 },
        "etc/greeter/greet.conf": "loud=no\n",
        "var/lib/greeter/": { mode: 0o750 },
        "usr/share/doc/greeter/copyright": "free\n",
        "usr/share/man/man1/greet.1.gz": "x",
      },
      scripts: {
        conffiles: "/etc/greeter/greet.conf\n",
        postinst:
          '#!/bin/sh\nset -e\nif [ "$1" = configure ]; then\n  adduser --system --group --home /var/lib/greeter --no-create-home greeter\n  chown greeter:greeter /var/lib/greeter\n  update-alternatives --install /usr/bin/hello hello /usr/bin/greet 50\nfi\n',
      },
    },
    {
      name: "libgreet1",
      version: "1.2-1",
      files: {
        "usr/lib/x86_64-linux-gnu/libgreet.so.1.2": { text: "not really ELF, but bytes\n" },
        "usr/lib/x86_64-linux-gnu/libgreet.so.1": { target: "libgreet.so.1.2" },
        "usr/share/locale/de/LC_MESSAGES/greet.mo": "hallo",
      },
      compression: ".gz",
    },
    {
      name: "greet-data",
      architecture: "all",
      files: {
        "usr/share/greet/a": { text: "same bytes\n", inode: "1" },
        "usr/share/greet/b": { text: "same bytes\n", inode: "1" },
        "usr/share/greet/émile": "name of bytes\n",
        [`usr/share/greet/${"long/".repeat(30)}file`]: "deep\n",
        "usr/bin/su-greet": { text: "setuid\n", mode: 0o4755 },
      },
    },
    { name: "greet-data-big", architecture: "all", files: { "usr/share/greet/big": "big\n" } },
    { name: "base-links", architecture: "all", files: { "lib/greet/base": "base\n" } },
    {
      name: "clash",
      fields: { Conflicts: "libgreet1", Depends: "greeter" },
      files: { "usr/share/clash": "x" },
    },
    {
      name: "lonely",
      fields: { Depends: "nobody-provides-this (>= 2)" },
      files: { "usr/share/lonely": "x" },
    },
  ],
};

export const IMAGE = `import { buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm", { architecture: "amd64" });

export default buildLayeredImage({
  name: "greeter",
  contents: [packages.greeter],
  closure: "declared",
  config: { Cmd: ["greet"], User: "greeter" },
});
`;

export interface Project {
  readonly directory: string;
  readonly archive: TestArchive;
  /** The cache of the project's own: `tare` is a folder of it. */
  readonly cacheHome: string;
  /** Runs the CLI in the project's directory with its archive and cache. */
  tare(args: readonly string[], options?: CliOptions): CliResult;
  readonly environment: Readonly<Record<string, string>>;
}

/** Makes a project in a temporary directory. */
export async function makeProject(
  t: TestContext,
  options: { readonly image?: string; readonly archive?: ArchiveOptions } = {},
): Promise<Project> {
  const root = temporaryDirectory(t);
  const directory = join(root, "project");
  const cacheHome = join(root, "cache");
  mkdirSync(directory);
  mkdirSync(join(root, "archive"));
  const archive = await makeArchive(join(root, "archive"), options.archive ?? PACKAGES);
  writeFileSync(join(directory, "image.ts"), options.image ?? IMAGE);
  const environment = { ...archive.environment, XDG_CACHE_HOME: cacheHome };
  return {
    directory,
    archive,
    cacheHome,
    environment,
    tare: (args, cli = {}) => tare(args, { cwd: directory, ...cli, env: { ...environment, ...cli.env } }),
  };
}

/** The project's image with another one of its lines. */
export function imageWith(contents: string): string {
  return IMAGE.replace("[packages.greeter]", contents);
}
