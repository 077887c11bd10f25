// What a program in a sandbox gets, and how it ended.

import type { Ownership } from "./identity.ts";

/** Something that the program sees beside its root file system. Parents that are missing are made. */
export type SandboxMount =
  | {
      /** A file or directory of this machine, with all that is mounted below it. */
      readonly kind: "bind";
      readonly source: string;
      /** Absolute path in the sandbox. */
      readonly target: string;
      readonly access: "read-only" | "writable";
    }
  | {
      /** An empty directory in memory. */
      readonly kind: "tmpfs";
      readonly target: string;
      /** Permission bits; default 0o755. */
      readonly mode?: number | undefined;
      /** Bytes; default half of the memory. */
      readonly size?: number | undefined;
    };

/** Who the program is: root of a user namespace, which may give files to any user, or one user without any rights. */
export type SandboxUser = "root" | { readonly uid: number; readonly gid: number };

export interface SandboxLimits {
  /** Processes of this user; root of the machine has no such limit. */
  readonly processes?: number | undefined;
  /** Bytes that one file may have. */
  readonly fileSize?: number | undefined;
  readonly openFiles?: number | undefined;
}

export interface SandboxRun {
  /** Absolute path of a directory that holds the root file system. */
  readonly root: string;
  /** Whether the program may write to `root` itself, as far as the modes of its files allow. */
  readonly access: "read-only" | "writable";
  /** The program, an absolute path or one that PATH of `environment` leads to, and its arguments. */
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Default `/`. */
  readonly workingDirectory?: string | undefined;
  /** Default 0o022. */
  readonly umask?: number | undefined;
  /** Default `root`. */
  readonly user?: SandboxUser | undefined;
  /** Default `localhost`. */
  readonly hostname?: string | undefined;
  /** `none`: a network of its own with nothing but lo, which is up where the machine has ip(8); default. */
  readonly network?: "none" | "host" | undefined;
  /** True: /tmp is the root file system's own. Default: an empty one in memory. */
  readonly ownTmp?: boolean;
  /** In this order, on top of /proc, /dev and /tmp. */
  readonly mounts?: readonly SandboxMount[] | undefined;
  readonly limits?: SandboxLimits | undefined;
  /** Milliseconds after which all is killed. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds without output after which all is killed. */
  readonly silenceMs?: number | undefined;
  /** Bytes of output after which all is killed. */
  readonly mostOutput?: number | undefined;
  /** The program has input and output of this process, and its signals: a person's, or a command's; nothing is listened to. */
  readonly interactive?: { readonly tty: boolean } | undefined;
  /** Gets standard output as it comes; what is not listened to is lost. */
  readonly onOutput?: ((chunk: Uint8Array) => void) | undefined;
  /** Gets standard error; absent: it goes where standard output goes, in the program's own order. */
  readonly onError?: ((chunk: Uint8Array) => void) | undefined;
}

/** What ended a program that did not end by itself. */
export type SandboxLimit = "time" | "silence" | "output";

export interface SandboxResult {
  /** As a shell tells it: 128 + N when signal N ended the program, 126 and 127 when it could not be started. */
  readonly exitCode: number;
  /** The signal that `exitCode` stands for, if it does. */
  readonly signal: NodeJS.Signals | undefined;
  /** Why all was killed, if it was. */
  readonly exceeded: SandboxLimit | undefined;
  readonly ownership: Ownership;
}
