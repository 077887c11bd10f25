// The shell of root, which programs that log users in start: /bin/bash. Users of the image's own name theirs.
// Source: base-passwd's passwd.master; OpenPAM's and Linux-PAM's pam_open_session(3) begins a session.

import type { TokenKind } from "../token-kind.ts";

const SHELL = "root's shell";

export const tokenKind: TokenKind = {
  name: "login-shell",
  strength: "strong",
  everyMatch: true,
  *uses(file) {
    if (!file.imports(/^pam_open_session$/) || !file.imports(/^execv|^execl/)) return;
    // A session of a user has the variable; one of a service does not.
    if (file.imports(/^getpwnam/) && file.words.words.has("SHELL")) yield SHELL;
  },
  *offers({ path }) {
    if (path === "usr/bin/bash") yield SHELL;
  },
};
