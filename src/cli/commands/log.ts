// tare log: what builds said: of all that an image was built from, of one store path, or of the newest build of a name.

import type { Command } from "commander";
import { BuildError } from "../../build/errors.ts";
import { nameOf, type StorePath, splitStorePath } from "../../model/store-path.ts";
import { planBuilds } from "../../pipeline/builds.ts";
import { resolveLock } from "../../pipeline/lock.ts";
import { evaluate } from "../../pipeline.ts";
import { pathKind, readSmallFile } from "../../platform/files.ts";
import { listBuildLogs } from "../../platform/store/build-logs.ts";
import { defaultStoreRoot, LocalStore } from "../../platform/store/local-store.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";

export const summary = "show the log of a build";

/** Bytes: all that a build may say, and more. */
const LARGEST_LOG = 2 ** 31 - 1;

interface FoundLog {
  readonly name: string;
  readonly drvPath: StorePath;
  /** Absolute path. */
  readonly file: string;
}

export function configure(command: Command, host: Host): void {
  command.argument("[target]", "an image file, a store path, or the name of a derivation", ".");
  addExamples(
    command,
    ["tare log", "the logs of what ./image.ts is built from"],
    ["tare log hello", "the newest build of a derivation with this name"],
    ["tare log /nix/store/…-hello", "the build that made a store path"],
  );
  command.action(async (target: string, options: CommonOptions) => {
    const logs = await findLogs(target, host, options);
    const texts = logs.map((log) => ({ ...log, text: readLog(log.file) }));
    const titled = texts.map(({ name, text }) => (texts.length === 1 ? text : `── ${name} ──\n${text}`));
    host.print(options, texts, titled.join("\n\n"));
  });
}

async function findLogs(target: string, host: Host, options: CommonOptions): Promise<FoundLog[]> {
  const logs = listBuildLogs(defaultStoreRoot());
  const storePath = splitStorePath(target)?.storePath;
  if (storePath !== undefined) {
    const drvPath = storePath.endsWith(".drv") ? storePath : deriverOf(storePath);
    return [toFound(logs.find((log) => log.drvPath === drvPath) ?? raiseMissing(target))];
  }
  if (pathKind(target) === undefined) {
    return [toFound(logs.find(({ drvPath }) => nameOf(drvPath) === `${target}.drv`) ?? raiseMissing(target))];
  }
  const context = host.context(options);
  const evaluated = await evaluate(target);
  const { lock } = await resolveLock(evaluated, "use", context);
  const plan = await planBuilds(evaluated.spec, lock, context);
  const found = [...plan.derivations.values()].flatMap(({ drvPath }) => {
    const log = logs.find((candidate) => candidate.drvPath === drvPath);
    return log === undefined ? [] : [toFound(log)];
  });
  return found.length > 0 ? found : raiseMissing(target);
}

function deriverOf(path: StorePath): StorePath | undefined {
  using store = new LocalStore();
  return store.query(path).deriver;
}

function toFound({ drvPath, file }: { readonly drvPath: StorePath; readonly file: string }): FoundLog {
  return { name: nameOf(drvPath).replace(/\.drv$/, ""), drvPath, file };
}

function readLog(file: string): string {
  const bytes = readSmallFile(file, LARGEST_LOG);
  return Buffer.isBuffer(bytes) ? bytes.toString("utf8").trimEnd() : "";
}

function raiseMissing(target: string): never {
  throw new BuildError(
    "LOG_MISSING",
    `Cannot show the log of ${target}: no build of it ran on this machine`,
    {
      hint: "What Tare makes itself, and what comes from a cache, has no log; tare build --check builds again",
    },
  );
}
