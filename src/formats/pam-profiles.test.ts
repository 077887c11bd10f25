import assert from "node:assert/strict";
import { test } from "node:test";
import { fillPamTemplate, listPamModules, parsePamProfile } from "./pam-profiles.ts";

// Of libpam-runtime 1.5.2, and shortened ones of libpam-sss and libpam-systemd.
const UNIX = parsePamProfile(
  "unix",
  `Name: Unix authentication
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_unix.so nullok try_first_pass
Auth-Initial:
	[success=end default=ignore]	pam_unix.so nullok
Session-Type: Additional
Session:
	required	pam_unix.so
`,
);
const SSS = parsePamProfile(
  "sss",
  "Name: SSS\nDefault: yes\nPriority: 128\nAuth-Type: Primary\nAuth-Final:\n\t[success=end default=ignore]\tpam_sss.so use_first_pass\n",
);
const SYSTEMD = parsePamProfile(
  "systemd",
  "Name: s\nDefault: no\nPriority: 0\nSession-Interactive-Only: yes\nSession-Type: Additional\nSession:\n\toptional\tpam_systemd.so\n",
);

test("parses profiles", () => {
  assert.equal(UNIX.enabledByDefault, true);
  assert.equal(UNIX.priority, 256);
  assert.equal(SYSTEMD.enabledByDefault, false);
  assert.deepEqual(listPamModules(UNIX, "auth"), ["pam_unix.so", "pam_unix.so"]);
  assert.deepEqual(listPamModules(SYSTEMD, "session-noninteractive"), []);
});

test("fills templates: by priority, jumps counted, the first module with its initial line", () => {
  const template = "# Primary\n$auth_primary\nauth\trequisite\tpam_deny.so\n$auth_additional\n# end\n";
  assert.equal(
    fillPamTemplate(template, "auth", [SSS, UNIX]),
    "# Primary\nauth\t[success=2 default=ignore]\tpam_unix.so nullok\n" +
      "auth\t[success=1 default=ignore]\tpam_sss.so use_first_pass\nauth\trequisite\tpam_deny.so\n# end\n",
  );
});

test("a primary block without modules lets everybody through", () => {
  const template = "$session_primary\n$session_additional\n";
  assert.equal(
    fillPamTemplate(template, "session", [UNIX, SYSTEMD]),
    "session\t[default=1]\t\t\tpam_permit.so\nsession\trequired\tpam_unix.so \nsession\toptional\tpam_systemd.so \n",
  );
  assert.equal(
    fillPamTemplate("$session_nonint_primary\n$session_nonint_additional\n", "session-noninteractive", [
      UNIX,
      SYSTEMD,
    ]),
    "session\t[default=1]\t\t\tpam_permit.so\nsession\trequired\tpam_unix.so \n",
  );
});
