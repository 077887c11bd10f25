// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell text
// Alternatives, ucf, debconf, dpkg's answers, and the modules of servers.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compose,
  readPostinst,
  readText,
  reportsOf,
  show,
  withPostinst,
} from "../../../test/kit/packages.ts";

test("the alternative of highest priority gets the links, with its slaves that exist", async () => {
  const root = await compose([
    withPostinst("update-alternatives --install /usr/bin/vi vi /usr/bin/nano 10", {
      name: "nano",
      tree: { "usr/bin/nano": "" },
    }),
    withPostinst(
      "update-alternatives --quiet --install /usr/bin/vi vi /usr/bin/vim 50 --slave /usr/bin/view view /usr/bin/vim --slave /usr/x x /usr/none",
      { name: "vim", tree: { "usr/bin/vim": "" } },
    ),
    withPostinst("update-alternatives --install /usr/bin/vi vi /usr/bin/gone 90", {
      name: "gone",
      tree: { "usr/bin/gone": "" },
      leftOut: ["usr/bin/gone"],
    }),
  ]);
  assert.equal(show(root, "usr/bin/vi"), "l /etc/alternatives/vi");
  assert.equal(show(root, "etc/alternatives/vi"), "l /usr/bin/vim");
  assert.equal(show(root, "usr/bin/view"), "l /etc/alternatives/view");
  assert.equal(show(root, "usr/x"), undefined);
  assert.ok(reportsOf(root, "alternatives").includes("skip vi: /usr/bin/gone is not in the image"));
});

test("--set and --remove", async () => {
  const install =
    "update-alternatives --install /usr/bin/x x /usr/bin/a 10; update-alternatives --install /usr/bin/x x /usr/bin/b 20";
  const tree = { "usr/bin/a": "", "usr/bin/b": "" };
  const set = await compose([withPostinst(`${install}; update-alternatives --set x /usr/bin/a`, { tree })]);
  assert.equal(show(set, "etc/alternatives/x"), "l /usr/bin/a");
  const auto = await compose([
    withPostinst(`${install}; update-alternatives --set x /usr/bin/a; update-alternatives --auto x`, {
      tree,
    }),
  ]);
  assert.equal(show(auto, "etc/alternatives/x"), "l /usr/bin/b");
  const removed = await compose([
    withPostinst(
      `${install}; update-alternatives --remove x /usr/bin/b; update-alternatives --remove x /usr/bin/a`,
      { tree },
    ),
  ]);
  assert.equal(show(removed, "usr/bin/x"), undefined);
});

test("an alternative does not take the place of a file", async () => {
  const root = await compose([
    withPostinst("update-alternatives --install /usr/bin/x x /usr/bin/a 10", {
      tree: { "usr/bin/a": "", "usr/bin/x": "real" },
    }),
  ]);
  assert.equal(show(root, "usr/bin/x"), 'f 0644 0:0 "real"');
});

test("alternatives of manual pages are left out with them", async () => {
  const root = await compose([
    withPostinst(
      "update-alternatives --install /usr/bin/x x /usr/bin/a 1 --slave /usr/share/man/man1/x.1 x.1 /usr/lib/a/a.1",
      {
        tree: { "usr/bin/a": "", "usr/lib/a/a.1": "", "usr/share/man/man1/": {} },
        leftOut: ["usr/share/man"],
      },
    ),
  ]);
  assert.equal(show(root, "usr/bin/x"), "l /etc/alternatives/x");
  assert.equal(show(root, "usr/share/man"), undefined);
});

test("ucf copies its template once", async () => {
  const root = await compose([
    withPostinst(
      "ucf --three-way --debconf-ok /usr/share/x/x.ini /etc/x.ini; ucfr demo /etc/x.ini; ucf /usr/share/x/y.ini /etc/x.ini; ucf --purge /etc/x.ini",
      {
        tree: { "usr/share/x/x.ini": "X", "usr/share/x/y.ini": "Y" },
      },
    ),
  ]);
  assert.equal(show(root, "etc/x.ini"), 'f 0644 0:0 "X"');
});

test("openssh-server: the configuration goes through debconf, a scratch file, sed and ucf", async () => {
  const root = await compose([
    {
      name: "openssh-server",
      tree: {
        "usr/share/openssh/sshd_config": "#PermitRootLogin prohibit-password\n#PasswordAuthentication yes\n",
        "usr/bin/ssh-keygen": { mode: 0o755 },
      },
      files: {
        postinst: readPostinst("openssh-server"),
        templates:
          "Template: openssh-server/permit-root-login\nType: boolean\nDefault: true\n\nTemplate: openssh-server/password-authentication\nType: boolean\nDefault: false\n",
      },
    },
  ]);
  assert.equal(
    show(root, "etc/ssh/sshd_config"),
    'f 0644 0:0 "#PermitRootLogin prohibit-password\\nPasswordAuthentication no\\n"',
  );
  assert.match(readText(root, "etc/passwd"), /^sshd:x:100:65534::\/run\/sshd:/m);
  assert.deepEqual(reportsOf(root, "program-caches"), [
    "skip line 34 of the postinst runs ssh-keygen, which makes a secret of its own for every system",
  ]);
});

test("fontconfig: links by debconf's default answers", async () => {
  const avail = "usr/share/fontconfig/conf.avail";
  const root = await compose([
    {
      name: "fontconfig-config",
      tree: {
        [`${avail}/10-hinting-slight.conf`]: "",
        [`${avail}/70-no-bitmaps.conf`]: "",
        "etc/fonts/conf.d/": {},
      },
      files: {
        postinst: readPostinst("fontconfig-config"),
        templates: [
          "Template: fontconfig/hinting_type\nType: select\nDefault: Native\n",
          "Template: fontconfig/hinting_style\nType: select\nDefault: hintslight\n",
          "Template: fontconfig/subpixel_rendering\nType: select\nDefault: Automatic\n",
          "Template: fontconfig/enable_bitmaps\nType: boolean\nDefault: false\n",
        ].join("\n"),
      },
    },
  ]);
  assert.equal(show(root, "etc/fonts/conf.d/10-hinting-slight.conf"), `l /${avail}/10-hinting-slight.conf`);
  assert.equal(show(root, "etc/fonts/conf.d/70-no-bitmaps.conf"), `l /${avail}/70-no-bitmaps.conf`);
  assert.equal(show(root, "etc/fonts/conf.d/10-no-sub-pixel.conf"), undefined);
});

test("debconf: a config script answers before the postinst asks", async () => {
  const root = await compose([
    withPostinst(
      '. /usr/share/debconf/confmodule\ndb_get demo/a; echo "$RET" > /a\ndb_get demo/none || touch /none',
      {
        files: {
          config: "#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_set demo/a 'from config'\n",
          templates: "Template: demo/a\nType: string\nDefault: d\n",
        },
      },
    ),
  ]);
  assert.equal(readText(root, "a"), "from config\n");
  assert.equal(show(root, "none"), 'f 0644 0:0 ""');
});

test("dpkg answers for a fresh installation", async () => {
  const root = await compose([
    withPostinst(
      [
        'dpkg --compare-versions "$2" lt 1.0 && touch /lt',
        'dpkg --compare-versions "$2" lt-nl 1.0 || touch /not-lt-nl',
        "dpkg --compare-versions 1.10 gt 1.9 && touch /gt",
        '[ "$(dpkg --print-architecture)" = amd64 ] && touch /arch',
        '[ "$(dpkg-architecture -qDEB_HOST_MULTIARCH)" = x86_64-linux-gnu ] && touch /multiarch',
        "dpkg-query -W -f='${Version} ${Status}\\n' demo > /query; dpkg-query -W none || touch /no-package",
        "dpkg-vendor --is debian && touch /vendor; dpkg-vendor --derives-from ubuntu || touch /no-ubuntu",
        'dpkg-maintscript-helper rm_conffile /etc/x 1~ -- "$@"; dpkg-trigger x; deb-systemd-helper enable x && touch /end',
      ].join("\n"),
    ),
  ]);
  for (const path of [
    "lt",
    "not-lt-nl",
    "gt",
    "arch",
    "multiarch",
    "no-package",
    "vendor",
    "no-ubuntu",
    "end",
  ]) {
    assert.equal(show(root, path), 'f 0644 0:0 ""', path);
  }
  assert.equal(readText(root, "query"), "1 install ok installed\n");
});

test("dpkg-divert in a postinst renames what is there", async () => {
  const root = await compose([
    withPostinst(
      'dpkg-divert --package demo --add --rename --divert /usr/bin/t.real /usr/bin/t; [ "$(dpkg-divert --truename /usr/bin/t)" = /usr/bin/t.real ] && ln -s demo /usr/bin/t',
      {
        needs: ["other"],
      },
    ),
    { name: "other", tree: { "usr/bin/t": "T" } },
  ]);
  assert.equal(show(root, "usr/bin/t.real"), 'f 0644 0:0 "T"');
  assert.equal(show(root, "usr/bin/t"), "l demo");
});

const APACHE = {
  "etc/apache2/mods-available/mpm_event.load": "# Conflicts: mpm_worker mpm_prefork\n",
  "etc/apache2/mods-available/mpm_event.conf": "",
  "etc/apache2/mods-available/mpm_prefork.load": "# Conflicts: mpm_event mpm_worker\n",
  "etc/apache2/mods-available/auth_basic.load": "# Depends: authn_core\n",
  "etc/apache2/mods-available/authn_core.load": "",
  "etc/apache2/sites-available/000-default.conf": "",
  "etc/apache2/conf-available/security.conf": "",
  "usr/share/apache2/apache2-maintscript-helper": "",
};

test("apache2: modules with what they depend on, sites and configurations", async () => {
  const root = await compose([
    withPostinst(
      "a2enmod -m -q mpm_event; for m in auth_basic none; do a2enmod -m -q $m || true; done; a2ensite -q 000-default; a2enconf security; a2enmod mpm_prefork || touch /conflict",
      {
        tree: APACHE,
      },
    ),
  ]);
  assert.equal(show(root, "etc/apache2/mods-enabled/mpm_event.conf"), "l ../mods-available/mpm_event.conf");
  assert.equal(show(root, "etc/apache2/mods-enabled/authn_core.load"), "l ../mods-available/authn_core.load");
  assert.equal(
    show(root, "etc/apache2/sites-enabled/000-default.conf"),
    "l ../sites-available/000-default.conf",
  );
  assert.equal(show(root, "etc/apache2/conf-enabled/security.conf"), "l ../conf-available/security.conf");
  assert.equal(show(root, "etc/apache2/mods-enabled/mpm_prefork.load"), undefined);
  assert.equal(show(root, "conflict"), 'f 0644 0:0 ""');
});

test("apache2: a package that needs another way to process requests switches to it", async () => {
  const root = await compose([
    withPostinst("a2enmod mpm_event", { name: "apache2", tree: APACHE }),
    {
      name: "libapache2-mod-php8.2",
      tree: {
        "etc/apache2/mods-available/php8.2.load": "# Depends: mpm_prefork\n",
        "usr/lib/php/8.2/php.ini-production": "ini",
      },
      needs: ["apache2"],
      files: { postinst: readPostinst("libapache2-mod-php8.2") },
    },
  ]);
  assert.equal(show(root, "etc/apache2/mods-enabled/mpm_event.load"), undefined);
  assert.equal(
    show(root, "etc/apache2/mods-enabled/mpm_prefork.load"),
    "l ../mods-available/mpm_prefork.load",
  );
  assert.equal(show(root, "etc/apache2/mods-enabled/php8.2.load"), "l ../mods-available/php8.2.load");
  assert.equal(readText(root, "etc/php/8.2/apache2/php.ini"), "ini");
});

test("lighttpd: numbered configurations", async () => {
  const root = await compose([
    withPostinst("lighty-enable-mod unconfigured fastcgi", {
      tree: {
        "etc/lighttpd/conf-available/99-unconfigured.conf": "",
        "etc/lighttpd/conf-available/10-fastcgi.conf": "",
      },
    }),
  ]);
  assert.equal(
    show(root, "etc/lighttpd/conf-enabled/99-unconfigured.conf"),
    "l ../conf-available/99-unconfigured.conf",
  );
  assert.equal(
    show(root, "etc/lighttpd/conf-enabled/10-fastcgi.conf"),
    "l ../conf-available/10-fastcgi.conf",
  );
});

test("php: a module is linked for every SAPI that is there, with its priority", async () => {
  const root = await compose([
    {
      name: "php8.2-opcache",
      tree: {
        "usr/share/php8.2-opcache/opcache/opcache.ini": "; priority=10\nzend_extension=opcache.so\n",
        "etc/php/8.2/mods-available/": {},
        "etc/php/8.2/cli/conf.d/": {},
        "etc/php/8.2/fpm/conf.d/": {},
        "usr/lib/php/8.2/sapi/cli": "",
        "usr/lib/php/8.2/sapi/fpm": "",
        "usr/lib/php/8.2/sapi/cgi": "",
      },
      files: { postinst: readPostinst("php8.2-opcache") },
    },
  ]);
  const target = "l /etc/php/8.2/mods-available/opcache.ini";
  assert.equal(show(root, "etc/php/8.2/cli/conf.d/10-opcache.ini"), target);
  assert.equal(show(root, "etc/php/8.2/fpm/conf.d/10-opcache.ini"), target);
  assert.equal(show(root, "etc/php/8.2/cgi"), undefined);
  assert.match(readText(root, "etc/php/8.2/mods-available/opcache.ini"), /^; priority=10/);
});

test("programs that would have to run are listed once, with where their output goes", async () => {
  const root = await compose([
    withPostinst(
      "/usr/lib/x/query-loaders /usr/lib/x/*.so > /usr/lib/x/loaders.cache\ndot -c; dot -c\nfc-cache -s -f\nopenssl genrsa -out /k\nabsent-program x\nif checker; then :; fi\nleft-out -x\n/usr/bin/dot $(unknown)",
      {
        tree: {
          "usr/lib/x/query-loaders": { mode: 0o755 },
          "usr/lib/x/a.so": "",
          "usr/bin/dot": { mode: 0o755 },
          "usr/bin/fc-cache": { mode: 0o755 },
          "usr/bin/openssl": { mode: 0o755 },
          "usr/bin/checker": { mode: 0o755 },
          "usr/bin/left-out": { mode: 0o755 },
        },
        leftOut: ["usr/bin/left-out"],
      },
    ),
  ]);
  assert.deepEqual(reportsOf(root, "program-caches"), [
    "needs-run /usr/lib/x/loaders.cache: /usr/lib/x/query-loaders /usr/lib/x/a.so",
    "needs-run /usr/bin/dot -c",
    "needs-run /usr/bin/fc-cache -s -f",
    "skip line 6 of the postinst runs openssl, which makes a secret of its own for every system",
    "needs-run /usr/bin/left-out -x",
  ]);
  const run = root.report.find(({ run: one }) => one?.output !== undefined)?.run;
  assert.deepEqual(run, {
    program: "usr/lib/x/query-loaders",
    args: ["/usr/lib/x/a.so"],
    output: "usr/lib/x/loaders.cache",
  });
});
