// Small contents that images often need, with the names of nixpkgs' dockerTools: what they are, come from Debian.

import { defaultArchive } from "../model/default-archive.ts";
import type { ArchiveReference, Request } from "../model/image-spec.ts";
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

/** The users root and nobody, and how names are looked up: for images that hold nothing else of a system. */
export function fakeNss(): Derivation<Record<never, never>> {
  return createFiles("fake-nss", {
    "etc/passwd": "root:x:0:0:root user:/var/empty:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
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
