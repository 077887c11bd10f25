// The user and group of the configuration are in the image's /etc/passwd and /etc/group; numbers need no entry.

import { encodeByteString } from "../../../model/bytes.ts";
import { didYouMean } from "../../../model/suggest.ts";
import { resolveAccount } from "../accounts.ts";
import type { RootCheck } from "../check.ts";
import type { RootProblem } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    const account = resolveAccount(root.view, root.subject.config.User ?? "");
    if (account.kind === "found") return;
    const isUser = account.kind === "unknown-user";
    const kind = isUser ? "user" : "group";
    yield {
      code: isUser ? "USER_UNKNOWN" : "GROUP_UNKNOWN",
      severity: "error",
      path: undefined,
      message: `User names the ${kind} ${JSON.stringify(account.name)}, which ${isUser ? "/etc/passwd" : "/etc/group"} does not have`,
      hint: didYouMean(account.name, account.known) ?? `Give a number, or add the ${kind} to the image`,
      missing: { kind, name: encodeByteString(account.name) },
    };
  },
};
