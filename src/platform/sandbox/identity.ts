// How ids of the image become ids of this machine: as they are (root), through a range that subuid(5) gives this user,
// or all as this user (a user namespace with one id).

import {
  CAPABILITY_BITS,
  hasCapability,
  type ProcessUser,
  processUser,
  type SubordinateIds,
  subordinateIds,
} from "../linux.ts";
import { findProgram } from "../processes.ts";

export type IdMapping =
  | { readonly kind: "real" }
  | {
      readonly kind: "subordinate";
      readonly user: ProcessUser;
      readonly uids: SubordinateIds;
      readonly gids: SubordinateIds;
      readonly newuidmap: string;
      readonly newgidmap: string;
    }
  | { readonly kind: "single"; readonly user: ProcessUser };

/** The ways that this process may try, best first; the last one always applies. */
export function possibleMappings(): readonly IdMapping[] {
  const user = processUser();
  if (user.uid === 0 && hasCapability("CapEff", "sys_admin")) return [{ kind: "real" }];
  const uids = subordinateIds("subuid", user);
  const gids = subordinateIds("subgid", user);
  const newuidmap = findProgram("newuidmap");
  const newgidmap = findProgram("newgidmap");
  const single: IdMapping = { kind: "single", user };
  if (uids === undefined || gids === undefined || newuidmap === undefined || newgidmap === undefined)
    return [single];
  return [{ kind: "subordinate", user, uids, gids, newuidmap, newgidmap }, single];
}

/** Whether an id of the image is one that the mapping has. */
export function hasId(mapping: IdMapping, kind: "uids" | "gids", id: number): boolean {
  return mapping.kind !== "subordinate" || id <= mapping[kind].count;
}

/** The capabilities of a container's root, as docker leaves them. */
const DEFAULT_CAPABILITIES = Object.keys(CAPABILITY_BITS).filter((name) => name !== "sys_admin");

/** Those that the program's root gets: in a user namespace of its own all of docker's, else what Tare has of them. */
export function grantedCapabilities(mapping: IdMapping): readonly string[] {
  if (mapping.kind !== "real") return DEFAULT_CAPABILITIES;
  return DEFAULT_CAPABILITIES.filter((name) => hasCapability("CapBnd", name));
}

/** Who owns what a program writes: any id that there is, or this user alone. */
export type Ownership = "full" | "single";

export function ownershipOf(mapping: IdMapping): Ownership {
  return mapping.kind === "single" ? "single" : "full";
}

/** Those that the root of a sandbox needs to install files for any user: nothing that reaches the machine or its network. */
const SANDBOX_CAPABILITIES = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "sys_chroot",
  "setfcap",
];

/** The words before a command that make it root, without more rights than a sandbox's root needs. */
export function becomeSandboxRoot(mapping: IdMapping): readonly string[] {
  const granted = SANDBOX_CAPABILITIES.filter(
    (name) => mapping.kind !== "real" || hasCapability("CapBnd", name),
  );
  const bounding = ["-all", ...granted.map((name) => `+${name}`)].join(",");
  const groups = mapping.kind === "single" ? [] : ["--clear-groups"];
  return ["setpriv", ...groups, "--inh-caps=-all", `--bounding-set=${bounding}`, "--no-new-privs"];
}

/** The words before a command that show it its one id as another one: its files are root's outside. */
export function becomeOneUser(
  mapping: IdMapping,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): readonly string[] {
  const groups = mapping.kind === "single" ? [] : ["setpriv", "--clear-groups"];
  return [
    ...groups,
    ...["unshare", "--user", `--map-user=${uid}`, `--map-group=${gid}`],
    ...["setpriv", "--no-new-privs"],
  ];
}
