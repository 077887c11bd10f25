// `buildShellImage` and `streamShellImage` with the names of nixpkgs' dockerTools: the environment of a derivation's
// builder as an image, in which the derivation can be built by hand.

import { defaultArchive } from "../model/default-archive.ts";
import type { DerivationNode } from "../model/derivation.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import { collectGraph, findNode } from "../model/mentions.ts";
import { checkOptions, OptionError, type Rule, show, TEXT, wholeNumber } from "../model/options.ts";
import { targetArchitecture } from "../platform/machine.ts";
import { buildLayeredImage } from "./build-layered-image.ts";
import { isOutput, type Output } from "./derivation.ts";

/** What a shell image is of: the arguments of dockerTools.buildNixShellImage. */
export interface ShellImageOptions {
  /** The derivation whose build environment it is: of `runCommand()` or `derivation()`. */
  readonly drv: Output;
  /** Default: the derivation's name and `-env`. */
  readonly name?: string;
  /** Default: `latest`. */
  readonly tag?: string;
  /** Ids of the user that builds, `nixbld`. Default: 1000. */
  readonly uid?: number;
  readonly gid?: number;
  /** What `HOME` says; it is not made. Default: `/build`, where builds are done. */
  readonly homeDirectory?: string;
  /** A bash of the image. Default: `/bin/bash`. */
  readonly shell?: string;
  /** Commands that run first in an interactive shell, which then ends. */
  readonly command?: string;
  /** Commands that run in a shell that is not interactive. */
  readonly run?: string;
}

/** Where the shell finds what it does first. */
const RC_FILE = "/etc/shell-image.bashrc";

const ABSOLUTE: Rule = {
  expected: "an absolute path",
  accepts: (value) => typeof value === "string" && /^\/[^\0:\n]*$/.test(value),
};

const OPTIONS: Readonly<Record<keyof ShellImageOptions, Rule>> = {
  drv: { expected: "a derivation", accepts: isOutput },
  name: TEXT,
  tag: TEXT,
  uid: wholeNumber(0, 2 ** 32 - 2),
  gid: wholeNumber(0, 2 ** 32 - 2),
  homeDirectory: ABSOLUTE,
  shell: ABSOLUTE,
  command: TEXT,
  run: TEXT,
};

/**
 * An image of what the builder of a derivation sees: the root file system of its packages, the closure of its inputs,
 * its variables and its build directory. `buildDerivation` in its shell does what the builder does.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * export default buildShellImage({ drv: app, command: "buildDerivation; $out/bin/app" });
 */
export function buildShellImage(options: ShellImageOptions): ImageSpec {
  checkOptions("buildShellImage()", options, OPTIONS);
  const { drv, tag, uid = 1000, gid = 1000, homeDirectory = "/build", shell = "/bin/bash" } = options;
  const { command, run } = options;
  const node = requireDerivation(drv);
  if (command !== undefined && run !== undefined) throw wrong("run", run, "either command or run, not both,");
  const { builder, args, requests, inputs, name } = node;
  const ofPackages = requests.filter(({ source }) => source !== "nix");
  const { source, scope, mirrors } = ofPackages[0] ?? defaultArchive(targetArchitecture());
  const image = buildLayeredImage({
    name: options.name ?? toImageName(`${name}-env`),
    ...(tag !== undefined && { tag }),
    contents: [...ofPackages, { source, scope, mirrors, name: "bash" }],
    closure: "declared",
    users: [
      { name: "nixbld", uid, gid, home: homeDirectory, createHome: false, shell, comment: "Build user" },
    ],
    directories: [
      { path: "/build", mode: 0o755, owner: `${uid}:${gid}` },
      { path: "/nix/store", mode: 0o1775, owner: `0:${gid}` },
    ],
    files: [{ path: RC_FILE, text: formatRcFile([builder, ...args], { shell, command, run }) }],
    config: {
      Cmd: run === undefined ? [shell, "--rcfile", RC_FILE, "-i"] : [shell, RC_FILE],
      Env: { HOME: homeDirectory },
      User: `${uid}:${gid}`,
      WorkingDir: "/build",
    },
  });
  return {
    ...image,
    outputs: inputs.map((input) => ({ ...input, placement: "store" })),
    mentioned: requests.filter((request) => request.source === "nix"),
    graph: collectGraph([drv, ...inputs]),
    shellOf: drv.node,
  };
}

/** The same image; `tare build` writes it to standard output unless `-o` says otherwise. */
export function streamShellImage(options: ShellImageOptions): ImageSpec {
  return { ...buildShellImage(options), output: "-" };
}

function requireDerivation(drv: Output | undefined): DerivationNode {
  const node = drv === undefined ? undefined : findNode(drv);
  if (node?.kind === "derivation" && !node.builder.startsWith("builtin:")) return node;
  throw new OptionError(
    "BAD_OPTION",
    `Cannot make a shell image of ${show(drv)}: a derivation that a program builds was expected`,
    { hint: "Give what runCommand() or derivation() returned; tare shell opens shells of all others" },
  );
}

/** A name of images for that of a derivation, which may hold upper-case letters and more. */
function toImageName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

/** What the shell reads first: as nix-shell sets shells up, and a function that builds. */
function formatRcFile(
  builder: readonly string[],
  { shell, command, run }: Readonly<Record<"shell" | "command" | "run", string | undefined>>,
): string {
  const commands = command ?? run;
  return `BUILDER_PATH="$PATH"
buildDerivation() {
  ( cd "$NIX_BUILD_TOP" && export PATH="$BUILDER_PATH" && exec ${builder.map(quote).join(" ")} )
}
[ "$PATH" = /path-not-set ] && PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export NIX_BUILD_CORES="$(nproc)"
SHELL=${quote(shell ?? "")}
[ -n "$PS1" ] && PS1='\\n\\[\\033[1;32m\\][tare-shell:\\w]\\$\\[\\033[0m\\] '
shopt -s execfail
[ -n "\${shellHook-}" ] && eval "$shellHook"
${commands === undefined ? "" : `${commands}\nexit\n`}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function wrong(option: string, value: unknown, expected: string): OptionError {
  return new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(value)} as buildShellImage's "${option}": ${expected} was expected`,
  );
}
