// An installable → the store path that `nix build` makes of it.

import type { Context } from "../../model/context.ts";
import { type StorePath, splitStorePath } from "../../model/store-path.ts";
import { captureProcess, findProgram } from "../../platform/processes.ts";
import { NixSourceError } from "./errors.ts";

/** Lines of what nix said that an error shows. */
const SHOWN_LINES = 8;

/**
 * Builds with the nix of this machine.
 *
 * @param root Of the store that it builds into; `/` is the machine's own.
 * @throws {NixSourceError} `NIX_MISSING` or `NIX_BUILD_FAILED`.
 */
export async function buildWithNix(installable: string, root: string, context: Context): Promise<StorePath> {
  const nix = findProgram("nix");
  if (nix === undefined) {
    throw new NixSourceError("NIX_MISSING", `Cannot build ${installable}: the program nix is not installed`, {
      hint: "Install Nix, or ask for the store path itself with storePath(); a lock that pins it needs no nix",
    });
  }
  const stage = context.progress.stage(`nix build ${installable}`);
  const args = [
    ...["--extra-experimental-features", "nix-command flakes"],
    ...(root === "/" ? [] : ["--store", `local?root=${root}`]),
    ...(context.offline ? ["--offline"] : []),
    ...["build", "--no-link", "--json", installable],
  ];
  const { exitCode, stdout, stderr } = await captureProcess(nix, args, { signal: context.signal });
  const failed = (problem: string, hint: string) =>
    new NixSourceError("NIX_BUILD_FAILED", `Cannot build ${installable}: ${problem}`, { hint });
  if (exitCode !== 0) {
    const said = stderr
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("warning:"))
      .slice(-SHOWN_LINES)
      .map((line) => `  │ ${printable(line)}`)
      .join("\n");
    throw failed(
      `nix ended with exit code ${exitCode}, and said\n${said}`,
      "Run nix build with it to see all",
    );
  }
  const outputs = readOutputs(stdout, root);
  const [path, ...others] = outputs;
  if (path === undefined)
    throw failed("nix printed no store path", "Ask for its store path with storePath()");
  if (others.length > 0) {
    throw failed(
      `it has ${outputs.length} outputs: ${outputs.join(", ")}`,
      `Name one, such as "${installable}^out", or ask for its store path with storePath()`,
    );
  }
  stage.done(path);
  return path;
}

/** The store paths that `nix build --json` names: a list of what was built, each with its outputs, or a path as it is. */
function readOutputs(text: string, root: string): (StorePath | undefined)[] {
  let built: unknown;
  try {
    built = JSON.parse(text);
  } catch {
    return [];
  }
  const paths = (Array.isArray(built) ? built : []).flatMap((one: unknown): unknown[] => {
    const { outputs, path } = Object(one) as { outputs?: unknown; path?: unknown };
    return outputs === undefined ? [path ?? one] : Object.values(Object(outputs) as object);
  });
  // Of a chroot store some versions print where paths really are.
  const logical = (path: string) => (root !== "/" && path.startsWith(root) ? path.slice(root.length) : path);
  return paths.map((path) =>
    typeof path === "string" ? splitStorePath(logical(path))?.storePath : undefined,
  );
}

function printable(line: string): string {
  return line.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "").replace(/[\0-\x1f\x7f]/g, "?");
}
