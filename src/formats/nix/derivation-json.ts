// A derivation → what `nix derivation show` prints of it, as Nix 2.8 to 2.18 shape it. Source: Nix manual, "nix
// derivation show".

import { compareStrings, decodeByteString } from "../../model/bytes.ts";
import type { Derivation, DerivationOutput } from "./aterm.ts";
import { outputHashAlgo } from "./aterm.ts";
import { formatHash } from "./hash.ts";

/** @returns Plain data, with the names of `nix derivation show`; texts are decoded as UTF-8. */
export function describeDerivationJson({
  outputs,
  inputSrcs,
  inputDrvs,
  system,
  builder,
  args,
  env,
}: Derivation): object {
  const texts = (items: Iterable<readonly [string, string]>) =>
    Object.fromEntries([...items].map(([name, value]) => [decodeByteString(name), decodeByteString(value)]));
  return {
    args: args.map(decodeByteString),
    builder: decodeByteString(builder),
    env: texts(env),
    inputDrvs: Object.fromEntries(
      [...inputDrvs].map(([path, names]) => [path, [...names].sort(compareStrings)]),
    ),
    inputSrcs: [...inputSrcs].sort(compareStrings),
    outputs: Object.fromEntries([...outputs].map(([name, output]) => [name, describeOutput(output)])),
    system: decodeByteString(system),
  };
}

function describeOutput(output: DerivationOutput): object {
  switch (output.kind) {
    case "fixed":
      return { hash: formatHash(output.hash, "base16"), hashAlgo: outputHashAlgo(output), path: output.path };
    case "input-addressed":
      return { path: output.path };
    default:
      return { hashAlgo: outputHashAlgo(output) };
  }
}
