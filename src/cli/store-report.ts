// How tare store tells what it found: as data for --json, as text for people.

import { formatHash } from "../formats/nix/hash.ts";
import { decodeByteString } from "../model/bytes.ts";
import type { StorePath } from "../model/store-path.ts";
import { formatTimestamp } from "../platform/clock.ts";
import type { Registration } from "../platform/nix-database.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import type { GcResult } from "../store/gc.ts";
import type { VerifiedStore } from "../store/verify.ts";
import type { DependencyStep } from "../store/why-depends.ts";
import { count, formatBytes, formatTable } from "./text.ts";

/** As `nix path-info` writes it: SRI. */
function narHashText({ narHash }: Registration): string {
  return formatHash({ algorithm: "sha256", bytes: Buffer.from(narHash, "hex") }, "sri");
}

/** A path as `--json` prints it: with the names of `nix path-info --json`. */
export function describeInfo(info: Registration, store: LocalStore): object {
  const { path, narSize, references, deriver, signatures, ca, registrationTime, ultimate } = info;
  return {
    path,
    physicalPath: store.physicalPath(path),
    narHash: narHashText(info),
    narSize,
    closureSize: sizeOf(store.closure([path])),
    references,
    referrers: store.database.referrers(path),
    ...(deriver !== undefined && { deriver }),
    ...(ca !== undefined && { ca }),
    signatures,
    ultimate,
    registrationTime,
  };
}

export function formatInfo(info: Registration, store: LocalStore): string {
  const { path, narSize, references, deriver, signatures, ca, registrationTime } = info;
  const closure = store.closure([path]);
  const list = (items: readonly string[]) => (items.length === 0 ? "none" : items.join("\n                "));
  return [
    path,
    `  at            ${store.physicalPath(path)}`,
    `  NAR hash      ${narHashText(info)}`,
    `  size          ${formatBytes(narSize)}`,
    `  closure       ${formatBytes(sizeOf(closure))} in ${count(closure.length, "path")}`,
    `  references    ${list(references)}`,
    `  referrers     ${list(store.database.referrers(path))}`,
    `  deriver       ${deriver ?? "unknown"}`,
    ...(ca === undefined ? [] : [`  content       ${ca}`]),
    `  signatures    ${list(signatures)}`,
    `  registered    ${formatTimestamp(registrationTime)}`,
  ].join("\n");
}

export function sizeOf(infos: readonly { readonly narSize: number }[]): number {
  return infos.reduce((sum, { narSize }) => sum + narSize, 0);
}

export function formatList(infos: readonly Registration[]): string {
  const rows = infos.map(({ path, narSize }) => [formatBytes(narSize), path]);
  return [...(rows.length === 0 ? [] : [formatTable(rows, [0])]), summarise(infos)].join("\n");
}

function summarise(infos: readonly { readonly narSize: number }[]): string {
  return `${count(infos.length, "path")}, ${formatBytes(sizeOf(infos))}`;
}

export function formatVerified({ checked, size, problems, removed, repaired }: VerifiedStore): string {
  return [
    ...problems.map(({ path, kind, detail }) => `${path}: ${kind}: ${detail}`),
    ...removed.map((path) => `removed ${path}`),
    ...repaired.map((path) => `repaired ${path}`),
    `${count(checked, "path")} (${formatBytes(size)}) read, ${count(problems.length, "problem")}`,
  ].join("\n");
}

export function formatGarbage({ removed, leftovers, failed, kept, freed }: GcResult): string {
  const verb = freed === undefined ? "would remove" : "removed";
  const total = freed === undefined ? "" : `, ${formatBytes(freed)} freed`;
  return [
    ...removed.map(({ path, narSize }) => `${verb} ${path} (${formatBytes(narSize)})`),
    ...leftovers.map((name) => `${verb} the leftover ${name}`),
    ...failed.map((place) => `${verb} what a failed build left in ${place}`),
    `${count(removed.length, "path")} ${freed === undefined ? "to remove" : "removed"}${total}; ${kept} kept`,
  ].join("\n");
}

export function describeSteps(steps: readonly DependencyStep[]): object[] {
  return steps.map(({ from, to, mentions }) => ({
    from,
    to,
    mentions: mentions.map(({ path, where, offset }) => ({ path: decodeByteString(path), where, offset })),
  }));
}

export function formatSteps(from: StorePath, steps: readonly DependencyStep[], all: boolean): string {
  return [
    from,
    ...steps.flatMap(({ to, mentions }) => [
      ...mentions.slice(0, all ? undefined : 1).map(({ path, where, offset }) => {
        const file = path === "" ? "itself" : decodeByteString(path);
        return `    ${where === "contents" ? file : `the ${where} ${file}`}, at byte ${offset}`;
      }),
      ...(mentions.length === 0 ? ["    registered; its hash does not occur in the bytes"] : []),
      ...(!all && mentions.length > 1 ? [`    and ${count(mentions.length - 1, "other place")}`] : []),
      `→ ${to}`,
    ]),
  ].join("\n");
}
