// Follows the preinst, config and postinst of every package as dpkg would run them on a fresh installation: all preinst
// first, each without its package's own files, then all postinst, what is needed before what needs it. Commands are
// emulated by the fixes; see `commands` there. Specification: Debian Policy 6.

import { followScript } from "../../formats/maintainer-script.ts";
import { parseShebang, programOfEnv } from "../../formats/shebang.ts";
import type { BytePath } from "../../model/bytes.ts";
import { ROOTFS_UNIT_ID } from "../../model/layer-plan.ts";
import type { Fix, FixContext, PackageObject } from "../fix.ts";
import { RootWorld, SEARCH_PATH } from "../script-world.ts";

export const fix: Fix = {
  after: ["accounts", "merged-usr", "skeleton"],
  create: (context) => ({ run: () => followAll(context) }),
};

function followAll(context: FixContext): void {
  for (const object of context.followed) follow(context, object, "preinst", ["install"]);
  for (const object of context.followed) {
    // Answers to debconf's questions that are not in the templates come from here.
    follow(context, object, "config", ["configure", ""]);
    follow(context, object, "postinst", ["configure", ""]);
  }
  removeScratchFiles(context);
}

/** The name of the program that a script is for. */
function interpreterOf(text: string): string | undefined {
  const shebang = parseShebang(text);
  return shebang && (programOfEnv(shebang) ?? shebang.interpreter).replace(/^.*\//, "");
}

function follow(context: FixContext, object: PackageObject, script: string, args: readonly string[]): void {
  const text = object.package.controlFiles.get(script);
  if (text === undefined) return;
  const interpreter = interpreterOf(text);
  if (interpreter !== "sh" && interpreter !== "bash" && interpreter !== "dash") {
    if (script === "config") return;
    context.report("skip", `${script} is a program for ${interpreter ?? "no shell"}, only shell is read`, {
      because: object.id,
    });
    return;
  }
  const { name, architecture } = object.package;
  followScript(
    text,
    {
      name: `/var/lib/dpkg/info/${name}.${script}`,
      args,
      // The environment that dpkg sets, and apt's for an installation that asks nothing.
      environment: {
        PATH: SEARCH_PATH.join(":"),
        HOME: "/root",
        DPKG_ROOT: "",
        DPKG_ADMINDIR: "/var/lib/dpkg",
        DPKG_MAINTSCRIPT_PACKAGE: name,
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT: "1",
        DPKG_MAINTSCRIPT_ARCH: architecture === "all" ? context.options.architecture : architecture,
        DPKG_MAINTSCRIPT_NAME: script,
        DEBIAN_FRONTEND: "noninteractive",
      },
    },
    new RootWorld(context, { object, script, beforeUnpacking: script === "preinst" }),
  );
}

/** What scripts leave in /tmp and /var/tmp, and files whose content is not known, are not part of an image. */
function removeScratchFiles({ root }: FixContext): void {
  for (const directory of ["tmp", "var/tmp"] as BytePath[]) {
    // What a base image or the user's own files have there stays.
    for (const { path } of root.below(directory)) {
      if ((root.unitOf(path) ?? ROOTFS_UNIT_ID) === ROOTFS_UNIT_ID) root.remove(path);
    }
  }
  for (const { entry } of root.list()) {
    if (root.isOpaque(entry.path)) root.remove(entry.path);
  }
}
