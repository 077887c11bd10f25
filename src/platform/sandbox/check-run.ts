// Checks what a program in a sandbox is to get, before anything is started.

import { SandboxError } from "./errors.ts";
import type { SandboxRun } from "./options.ts";

/** @throws {SandboxError} `SANDBOX_BAD_OPTION` */
export function checkRun(options: SandboxRun): void {
  const { argv, root, workingDirectory = "/", hostname = "localhost", umask = 0, environment } = options;
  const texts = [...argv, workingDirectory, root, ...Object.entries(environment).flat()];
  if (texts.some((text) => text.includes("\0"))) refuse("a NUL byte is in a word of it");
  if (argv.length === 0 || argv[0] === "") refuse("there is no program to run");
  if (!root.startsWith("/")) refuse(`its root "${root}" is no absolute path`);
  if (!workingDirectory.startsWith("/"))
    refuse(`its working directory "${workingDirectory}" is no absolute path`);
  if (!isHostname(hostname)) refuse(`"${hostname}" is no host name`);
  if (!Number.isInteger(umask) || umask < 0 || umask > 0o777)
    refuse(`${umask} is no umask, 0 to 0777 was wanted`);
  const name = Object.keys(environment).find((one) => one === "" || one.includes("="));
  if (name !== undefined) refuse(`"${name}" is no name of an environment variable`);
  const { user = "root", limits = {} } = options;
  const numbers = [...(user === "root" ? [] : [user.uid, user.gid]), ...Object.values(limits)];
  if (numbers.some((one) => one !== undefined && (!Number.isSafeInteger(one) || one < 0))) {
    refuse("an id or a limit is no whole number");
  }
}

/** Whether the kernel and programs take a text as the name of a machine. */
export function isHostname(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/.test(text);
}

function refuse(problem: string): never {
  throw new SandboxError("SANDBOX_BAD_OPTION", `Cannot run a program in a sandbox: ${problem}`);
}
