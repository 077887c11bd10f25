// Gates: what a C library names on behalf of its callers. The library's own mention does not count; a file that
// imports one of the functions counts instead. Source: the GNU C Library manual, "Running a Command" (system and
// popen start /bin/sh), "Word Expansion", "The iconv Implementation in the GNU C Library" (gconv modules) and
// "Locale Names" (compiled locales; C.utf8 is a directory of its own since 2.35).

import type { ScannedFile } from "./scanned-file.ts";

export interface Gate {
  /** The token that users and the files behind the gate share. */
  readonly name: string;
  /** Functions whose importers need what is behind the gate. */
  readonly functions: RegExp;
  /** A function whose exporter is the library in question. */
  readonly exporter: string;
  /** Paths behind the gate, merged-usr form. */
  readonly paths: RegExp;
  /** Nobody opens the paths but the library: what other files say of them, as programs that tend them do, counts not. */
  readonly exclusive: boolean;
}

export const GATES: readonly Gate[] = [
  {
    name: "shell",
    functions: /^(?:system|popen|wordexp|__libc_system|\w+_popen|Perl_my_popen|R_system)$/,
    exporter: "system",
    paths: /^usr\/bin\/sh$/,
    exclusive: false,
  },
  {
    name: "charset conversion",
    functions: /^(?:iconv_open|libiconv_open|__gconv_open)$/,
    exporter: "iconv_open",
    paths: /^usr\/lib(?:\/[^/]+)?\/gconv(?:\/|$)/,
    exclusive: true,
  },
  {
    name: "locale",
    functions: /^(?:setlocale|newlocale|__newlocale|_nl_\w+)$/,
    exporter: "setlocale",
    paths: /^usr\/lib\/locale(?:\/(?:C\.utf8|locale-archive)(?:\/|$)|$)/,
    exclusive: true,
  },
];

/** What C libraries name in every program that they are linked into; its users are `time-zones`'s. */
const TIME_ZONES = /^usr\/share\/zoneinfo(?:\/|$)/;

/** Whether a file that names a path is no user of it: the users call a function that this file may export. */
export function isGatedFor(file: ScannedFile, path: string): boolean {
  if (file.elf?.static === true && TIME_ZONES.test(path)) return true;
  return GATES.some(
    ({ paths, exporter, exclusive }) => paths.test(path) && (exclusive || file.exports(exporter)),
  );
}

/** The gate that a path is behind. */
export function gateOf(path: string): Gate | undefined {
  return GATES.find(({ paths }) => paths.test(path));
}

/** Programs that scripts look at to learn which system they are on, and whose absence tells them as much. */
const PROBES: Readonly<Record<string, RegExp>> = {
  // Loaders of addons read ldd to tell one C library from another.
  node: /^(?:usr\/bin\/)?ldd$/,
};

/** Whether a script names a program without needing it. */
export function isProbe({ language }: ScannedFile, program: string): boolean {
  return language !== undefined && PROBES[language.name]?.test(program) === true;
}
