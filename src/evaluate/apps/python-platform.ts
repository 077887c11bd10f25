// The Python of an image: Debian's, whose version follows from the suite.

import { type PythonPlatform, pythonMinor } from "../../formats/python/tags.ts";
import { defaultArchive } from "../../model/default-archive.ts";
import type { Request } from "../../model/image-spec.ts";
import type { Rule } from "../../model/options.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import { badOption, isRequest } from "../derivation.ts";

/** Versions that suites have for all their life: python3 of one release, libc6 of one release. */
const SUITES: Readonly<Record<string, Omit<PythonPlatform, "architecture">>> = {
  bookworm: { python: "3.11.2", glibc: "2.36" },
  trixie: { python: "3.13.5", glibc: "2.41" },
};

/** What environments run on. */
export interface ImagePython {
  readonly request: Request;
  readonly platform: PythonPlatform;
  /** `3.11` */
  readonly minor: string;
  /** Absolute path in the image. */
  readonly interpreter: string;
}

export const PYTHON: Rule = {
  expected: 'a package such as debian("trixie").packages.python3',
  accepts: (value) =>
    isRequest(value) && value.source === "debian" && /^python3(?:\.\d+)?(?:=|$)/.test(value.name),
};

/**
 * Finds out what Python a package is.
 *
 * @param where The function of the API, for messages.
 * @param request Undefined: python3 of the default archive.
 * @throws {OptionError} `BAD_OPTION` for suites that are not known, and for a Python that the suite does not have.
 */
export function describePython(where: string, request: Request | undefined): ImagePython {
  const chosen = request ?? { ...defaultArchive(machineArchitecture()), name: "python3" };
  const suite = String(chosen.scope["suite"]);
  const versions = Object.hasOwn(SUITES, suite) ? SUITES[suite] : undefined;
  if (versions === undefined)
    throw badOption(`${where}'s "python"`, suite, `Python of ${Object.keys(SUITES).join(" or ")}`);
  const platform = { architecture: chosen.scope.architecture, ...versions };
  const minor = pythonMinor(platform).join(".");
  const asked = /^python(3\.\d+)/.exec(chosen.name)?.[1];
  if (asked !== undefined && asked !== minor)
    throw badOption(`${where}'s "python"`, chosen.name, `python3, which is ${minor} in ${suite},`);
  return { request: chosen, platform, minor, interpreter: `/usr/bin/python${minor}` };
}
