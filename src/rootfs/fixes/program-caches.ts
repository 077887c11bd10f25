// Lists the programs of the image that its packages would have run when they were configured and that nothing
// emulates: caches of plug-ins, schemas and fonts. run-programs.ts runs them when all fixes have done their work.

import { decodeByteString } from "../../model/bytes.ts";
import type { Fix, FixContext, UnemulatedRun } from "../fix.ts";

/**
 * Programs whose output must differ between two systems: in an image it would be a shared secret.
 * A container makes such things when it starts.
 */
const SECRETS =
  /^(?:ssh-keygen|make-ssl-cert|openssl|gpg|dbus-uuidgen|uuidgen|certtool|mariadb-install-db|keytool|rndc-confgen)$/;

/** Programs that only help people to look things up. */
const OPTIONAL = /^(?:mandb|update-info-dir|install-info|update-menus)$/;

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => ({ run: () => listPrograms(context) }),
};

function listPrograms(context: FixContext): void {
  const seen = new Set<string>();
  for (const one of context.unemulated) {
    const program = one.run.program.slice(one.run.program.lastIndexOf("/") + 1);
    // A secret is not made, however often a script asks for it.
    const key = SECRETS.test(program) ? `${one.object.id} ${program}` : JSON.stringify(one.run);
    if (seen.has(key)) continue;
    seen.add(key);
    reportRun(context, one, program);
  }
}

function reportRun(
  { root, report }: FixContext,
  { object, line, run }: UnemulatedRun,
  program: string,
): void {
  const details = { path: run.output, because: object.id };
  const where = `line ${line} of the postinst`;
  if (root.find(`/${run.program}`) === undefined) {
    report("skip", `${where} runs ${program}, which is left out of the image`, details);
  } else if (SECRETS.test(program)) {
    report("skip", `${where} runs ${program}, which makes a secret of its own for every system`, details);
  } else if (OPTIONAL.test(program)) {
    report("skip", `${where} runs ${program}, which only helps to look things up`, details);
  } else {
    const command = [`/${run.program}`, ...run.args].join(" ");
    const shown = command.length > 200 ? `${command.slice(0, 197)}...` : command;
    report("needs-run", decodeByteString(shown), { ...details, run });
  }
}
