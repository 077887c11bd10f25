// Gathers what says where an archive's files are: image.ts's option, the environment, apt's configuration.

import { environmentVariable, readAptSources } from "../../platform/environment.ts";
import { parseAptSources } from "./apt-sources.ts";
import type { MirrorSettings } from "./mirrors.ts";

/** @param options The option `mirrors` of `debian()`. */
export function readMirrorSettings(options: readonly string[]): MirrorSettings {
  return {
    options,
    mirrors: environmentVariable("TARE_DEBIAN_MIRROR"),
    securityMirrors: environmentVariable("TARE_DEBIAN_SECURITY_MIRROR"),
    snapshot: environmentVariable("TARE_DEBIAN_SNAPSHOT"),
    aptSources: parseAptSources(readAptSources()),
  };
}
