// Starts an image with nothing but Linux: its layers are unpacked into a directory of the cache, which becomes the
// root of new mount, pid, ipc and uts namespaces, and goes when the program has ended. Works as root and as an
// ordinary user; platform/sandbox/holder-script.ts says how. The network is this machine's, or none.

import { dirname, join } from "node:path";
import type { Context } from "../../model/context.ts";
import { listStaleTemporaries, makePrivateDirectory, removeTree } from "../../platform/directories.ts";
import { temporaryName } from "../../platform/disk.ts";
import { hasEmulator } from "../../platform/linux.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import { findProgram, forwardSignals } from "../../platform/processes.ts";
import { isHostname } from "../../platform/sandbox/check-run.ts";
import { SandboxError } from "../../platform/sandbox/errors.ts";
import { Holder } from "../../platform/sandbox/holder.ts";
import { type IdMapping, possibleMappings } from "../../platform/sandbox/identity.ts";
import { checkExecutable } from "../../platform/sandbox/mounts.ts";
import { openSandbox, whySandboxIsAbsent } from "../../platform/sandbox/sandbox.ts";
import { RunError } from "../errors.ts";
import { prepareDirectory } from "../namespaces/prepare.ts";
import type { RunRequest, Runtime } from "../options.ts";
import { publishOnHostNetwork } from "../publish.ts";
import { stopOnAbort } from "../stop.ts";

export const runtime: Runtime = {
  order: 30,

  absence: () => whySandboxIsAbsent(),

  async start(request, context) {
    checkRequest(request, context);
    const directory = temporaryName(context.cache.path("tmp", "run"));
    makePrivateDirectory(directory);
    try {
      checkExecutable(directory);
      return await startIn(directory, withTerminal(request, context), context);
    } catch (error) {
      throw toRunError(error);
    } finally {
      await removeAll([directory, ...listStaleTemporaries(dirname(directory))], context);
    }
  },
};

async function startIn(directory: string, request: RunRequest, context: Context): Promise<number> {
  const { holder, mapping } = await startHolder(directory, request, context);
  try {
    await prepareDirectory(directory, request, mapping, context);
    context.signal.throwIfAborted();
    return await runHeld(holder, request, context);
  } finally {
    await holder.stop();
  }
}

async function startHolder(
  directory: string,
  request: RunRequest,
  context: Context,
): Promise<{ readonly holder: Holder; readonly mapping: IdMapping }> {
  const { options, tty } = request;
  const settings = {
    directory,
    root: join(directory, "root"),
    hasOwnNetwork: options.network === "none",
    script: findProgram("script"),
  };
  const { stdin = "inherit", stdout = "inherit", stderr = "inherit" } = options;
  const streams = { stdin, stdout, stderr, tty };
  const mappings = possibleMappings();
  for (const mapping of mappings.slice(0, -1)) {
    try {
      return { holder: await Holder.start(mapping, settings, streams), mapping };
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error;
      context.progress.note(
        `the ids of /etc/subuid cannot be used, so all files belong to one user (${error.message})`,
      );
    }
  }
  const mapping = mappings.at(-1)!;
  return { holder: await Holder.start(mapping, settings, streams), mapping };
}

/** What the sandbox says is this runtime's failure; the user may have another one. */
function toRunError(error: unknown): unknown {
  if (!(error instanceof SandboxError)) return error;
  const hint = error.code === "SANDBOX_FORBIDDEN" ? `Install podman, or else: ${error.hint}` : error.hint;
  return new RunError("RUNTIME_FAILED", `Cannot run the image with Linux namespaces: ${error.message}`, {
    hint,
    cause: error,
  });
}

async function runHeld(holder: Holder, { configuration }: RunRequest, context: Context): Promise<number> {
  let signalled = false;
  const ended = new AbortController();
  using _signals = forwardSignals((signal) => {
    signalled = true;
    holder.signal(signal);
  });
  const onAbort = () => void stopOnAbort(holder, configuration.stopSignal, () => signalled, ended.signal);
  context.signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await holder.run();
  } finally {
    ended.abort();
    context.signal.removeEventListener("abort", onAbort);
  }
}

function checkRequest({ options, publish, configuration }: RunRequest, context: Context): void {
  const { network = "host", hostname } = options;
  if (network !== "host" && network !== "none") {
    throw new RunError(
      "BAD_OPTION",
      `Cannot run the image in the network "${network}": without podman or docker there are "host" and "none"`,
    );
  }
  if (hostname !== undefined && !isHostname(hostname)) {
    throw new RunError("BAD_OPTION", `Cannot run the image: "${hostname}" is no host name`);
  }
  const note = network === "host" ? publishOnHostNetwork(publish) : undefined;
  if (note !== undefined) context.progress.note(note);
  checkArchitecture(configuration.architecture);
}

const MACHINES: Readonly<Record<string, "x86_64" | "aarch64">> = { amd64: "x86_64", arm64: "aarch64" };

function checkArchitecture(architecture: string): void {
  if (architecture === "" || architecture === machineArchitecture()) return;
  const machine = Object.hasOwn(MACHINES, architecture) ? MACHINES[architecture] : undefined;
  if (machine !== undefined && hasEmulator(machine)) return;
  throw new RunError(
    "WRONG_ARCHITECTURE",
    `Cannot run the image: it is for ${architecture}, this machine is ${machineArchitecture()}`,
    { hint: "Build it for this machine, or install qemu-user-static and binfmt-support" },
  );
}

function withTerminal(request: RunRequest, context: Context): RunRequest {
  if (!request.tty || findProgram("script") !== undefined) return request;
  context.progress.note("the program gets no terminal: script of bsdutils is not installed");
  return { ...request, tty: false };
}

/** Removes directories, those of dead processes too; files of subordinate ids go inside their user namespace. */
async function removeAll(directories: readonly string[], context: Context): Promise<void> {
  const stubborn = directories.filter((directory) => !removeTree(directory));
  if (stubborn.length === 0) return;
  const quiet = { ...context, signal: new AbortController().signal };
  try {
    await using sandbox = await openSandbox(quiet);
    for (const directory of stubborn) await sandbox.remove(directory);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
  }
}
