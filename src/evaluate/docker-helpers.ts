// Small contents that images often need, with the names of nixpkgs' dockerTools: what they are, come from Debian.

import { defaultArchive } from "../model/default-archive.ts";
import type { ArchiveReference, Request } from "../model/image-spec.ts";
import { checkOptions, TEXTS } from "../model/options.ts";
import { machineArchitecture } from "../platform/machine.ts";
import type { Derivation } from "./derivation.ts";
import { createFiles } from "./trivial-builders.ts";

function requestOf(name: string, archive: ArchiveReference | undefined): Request {
  const { source, scope, mirrors } = archive ?? defaultArchive(machineArchitecture());
  return { source, scope, mirrors, name };
}

/** `/usr/bin/env`. */
export function usrBinEnv(archive?: ArchiveReference): Request {
  return requestOf("/usr/bin/env", archive);
}

/** `/bin/sh`. */
export function binSh(archive?: ArchiveReference): Request {
  return requestOf("dash", archive);
}

/** The certificates of authorities, at every path where programs look for them. */
export function caCertificates(archive?: ArchiveReference): Request {
  return requestOf("ca-certificates", archive);
}

/** What files of users have beside root and nobody: the arguments of nixpkgs' fakeNss. */
export interface FakeNssOptions {
  /** Lines of /etc/passwd: `app:x:1000:1000::/:/bin/sh`. */
  readonly extraPasswdLines?: readonly string[];
  /** Lines of /etc/group: `app:x:1000:`. */
  readonly extraGroupLines?: readonly string[];
}

/**
 * The users root and nobody, and how names are looked up: for images that hold nothing else of a system.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 */
export function fakeNss(options: FakeNssOptions = {}): Derivation<Record<never, never>> {
  checkOptions("fakeNss()", options, { extraPasswdLines: TEXTS, extraGroupLines: TEXTS });
  const lines = (...all: readonly string[]) => all.map((line) => `${line}\n`).join("");
  const { extraPasswdLines = [], extraGroupLines = [] } = options;
  return createFiles("fake-nss", {
    "etc/passwd": lines(
      "root:x:0:0:root user:/var/empty:/bin/sh",
      ...extraPasswdLines,
      "nobody:x:65534:65534:nobody:/var/empty:/bin/sh",
    ),
    "etc/group": lines("root:x:0:", ...extraGroupLines, "nobody:x:65534:"),
    "etc/nsswitch.conf": "hosts: files dns\n",
    "var/empty/.keep": "",
  });
}

/** Commands for `runAsRoot` that make the files of users and groups where an image has none. */
export const shadowSetup = `mkdir -p /etc/pam.d
[ -e /etc/passwd ] || { echo "root:x:0:0::/root:/bin/sh" > /etc/passwd; echo "root:!x:::::::" > /etc/shadow; }
[ -e /etc/group ] || { echo "root:x:0:" > /etc/group; echo "root:x::" > /etc/gshadow; }
[ -e /etc/pam.d/other ] || printf '%s\\n' "account sufficient pam_unix.so" "auth sufficient pam_rootok.so" "password requisite pam_unix.so nullok yescrypt" "session required pam_unix.so" > /etc/pam.d/other
[ -e /etc/login.defs ] || touch /etc/login.defs
`;
