// Does what pam-auth-update does: /etc/pam.d/common-* from the profiles of the packages. A profile whose module is
// not in the image is left out: PAM would refuse every login because of it.

import type { PamProfile } from "../../formats/pam-profiles.ts";
import { fillPamTemplate, listPamModules, PAM_TYPES, parsePamProfile } from "../../formats/pam-profiles.ts";
import type { BytePath } from "../../model/bytes.ts";
import { joinPath } from "../../model/bytes.ts";
import { MULTIARCH } from "../architecture.ts";
import type { Fix, FixContext } from "../fix.ts";

const PROFILES = "usr/share/pam-configs" as BytePath;

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => ({ run: () => writeCommonFiles(context) }),
};

function writeCommonFiles(context: FixContext): void {
  const { root, report } = context;
  // Without programs that use PAM there is nothing to configure.
  if (root.get("etc/pam.d" as BytePath) === undefined) return;
  const profiles = listProfiles(context);
  for (const type of PAM_TYPES) {
    const path = `etc/pam.d/common-${type}` as BytePath;
    const template = root.readText(`/usr/share/pam/common-${type}`);
    if (typeof template !== "string" || root.get(path) !== undefined) continue;
    root.writeFile(path, fillPamTemplate(template, type, profiles));
    report("write", `profiles: ${profiles.map((profile) => profile.name).join(", ")}`, {
      path,
      because: root.unitOf(`usr/share/pam/common-${type}` as BytePath),
    });
  }
}

function listProfiles({ root, options, report }: FixContext): PamProfile[] {
  const modules = `/usr/lib/${MULTIARCH[options.architecture]}/security`;
  return root.names(PROFILES).flatMap((name) => {
    const text = root.readText(`/${joinPath(PROFILES, name)}`);
    if (typeof text !== "string") return [];
    const profile = parsePamProfile(name, text);
    if (!profile.enabledByDefault) return [];
    const missing = PAM_TYPES.flatMap((type) => listPamModules(profile, type)).find(
      (module) => !root.has(module.startsWith("/") ? module : `${modules}/${module}`),
    );
    if (missing === undefined) return [profile];
    report("skip", `the PAM profile ${name} needs ${missing}, which is not in the image`, {
      because: root.unitOf(joinPath(PROFILES, name)),
    });
    return [];
  });
}
