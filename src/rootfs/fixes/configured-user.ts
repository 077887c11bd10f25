// Looks at the user that the image's configuration names: one that no package makes is reported with the nearest
// names. That it is an error is for verification to say, which also looks at images that were not built here.

import { parseId } from "../../formats/passwd.ts";
import { didYouMean } from "../../model/suggest.ts";
import type { Fix, FixContext } from "../fix.ts";

export const fix: Fix = {
  after: ["account-files"],
  create: (context) => ({ run: () => checkUser(context) }),
};

function checkUser({ accounts, options, report }: FixContext): void {
  if (options.user === undefined || options.user === "") return;
  const colon = options.user.indexOf(":");
  const user = colon < 0 ? options.user : options.user.slice(0, colon);
  const group = colon < 0 ? undefined : options.user.slice(colon + 1);
  if (accounts.user(user) === undefined && parseId(user) === undefined) {
    const hint = didYouMean(
      user,
      accounts.users.map((one) => one.name),
    );
    report(
      "skip",
      `no package makes the user "${user}" of the configuration${hint === undefined ? "" : `. ${hint}`}`,
    );
  }
  if (group !== undefined && accounts.group(group) === undefined && parseId(group) === undefined) {
    const hint = didYouMean(
      group,
      accounts.groups.map((one) => one.name),
    );
    report(
      "skip",
      `no package makes the group "${group}" of the configuration${hint === undefined ? "" : `. ${hint}`}`,
    );
  }
}
