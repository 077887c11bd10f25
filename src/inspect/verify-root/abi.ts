// Architectures as OCI names them → what kernels of them run: their own programs, and those of an older sibling.

import { ELF_MACHINES } from "../../formats/elf.ts";
import { formatAbi } from "./file-facts.ts";

const ABIS = {
  amd64: formatAbi({ machine: 62, class: 64, endianness: "little" }),
  x32: formatAbi({ machine: 62, class: 32, endianness: "little" }),
  "386": formatAbi({ machine: 3, class: 32, endianness: "little" }),
  arm64: formatAbi({ machine: 183, class: 64, endianness: "little" }),
  arm: formatAbi({ machine: 40, class: 32, endianness: "little" }),
  riscv64: formatAbi({ machine: 243, class: 64, endianness: "little" }),
  ppc64le: formatAbi({ machine: 21, class: 64, endianness: "little" }),
  s390x: formatAbi({ machine: 22, class: 64, endianness: "big" }),
  s390: formatAbi({ machine: 22, class: 32, endianness: "big" }),
  mips64le: formatAbi({ machine: 8, class: 64, endianness: "little" }),
  mipsle: formatAbi({ machine: 8, class: 32, endianness: "little" }),
  loong64: formatAbi({ machine: 258, class: 64, endianness: "little" }),
} as const;

const SIBLINGS: Readonly<Record<string, readonly (keyof typeof ABIS)[]>> = {
  amd64: ["386", "x32"],
  arm64: ["arm"],
  s390x: ["s390"],
  mips64le: ["mipsle"],
};

/** The ABI of an architecture; undefined for one that is not known. */
export function nativeAbi(architecture: string): string | undefined {
  return Object.hasOwn(ABIS, architecture) ? ABIS[architecture as keyof typeof ABIS] : undefined;
}

/** The ABIs that processors and kernels of the architecture can run beside their own. */
export function siblingAbis(architecture: string): readonly string[] {
  const siblings = Object.hasOwn(SIBLINGS, architecture) ? SIBLINGS[architecture]! : [];
  return siblings.map((name) => ABIS[name]);
}

/** What an ABI is called. */
export function describeAbi(abi: string): string {
  const known = Object.entries(ABIS).find(([, value]) => value === abi);
  if (known !== undefined) return known[0];
  const [machine, bits, endianness] = abi.split("/");
  const name = (ELF_MACHINES as Readonly<Record<string, string>>)[machine!] ?? `machine ${machine}`;
  return `${name} (${bits} bits, ${endianness} endian)`;
}

/** What `$PLATFORM` stands for on the first processors of an ABI. Source: AT_PLATFORM of Linux. */
export function platformName(abi: string): string {
  const names: Readonly<Record<string, string>> = {
    [ABIS.amd64]: "x86_64",
    [ABIS["386"]]: "i686",
    [ABIS.arm64]: "aarch64",
    [ABIS.arm]: "v7l",
  };
  return names[abi] ?? "";
}
