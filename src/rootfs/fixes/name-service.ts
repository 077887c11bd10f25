// Makes sure that names resolve: nsswitch.conf where no package brings one, and the names of the host itself.
// Specification: nsswitch.conf(5), hosts(5). Container runtimes put their own /etc/hosts over this one.

import type { BytePath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

/** The databases of /usr/share/libc-bin/nsswitch.conf that need no further library. */
const NSSWITCH = `passwd:         files
group:          files
shadow:         files
gshadow:        files

hosts:          files dns
networks:       files

protocols:      files
services:       files
ethers:         files
rpc:            files
`;

/** As netcfg of the Debian installer writes it. */
const HOSTS = `127.0.0.1	localhost
::1		localhost ip6-localhost ip6-loopback
ff02::1		ip6-allnodes
ff02::2		ip6-allrouters
`;

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => ({
    run: () => {
      writeWhenAbsent(context, "etc/nsswitch.conf", NSSWITCH);
      writeWhenAbsent(context, "etc/hosts", HOSTS);
    },
  }),
};

function writeWhenAbsent({ root, report }: FixContext, text: string, content: string): void {
  const path = text as BytePath;
  if (root.get(path) !== undefined) return;
  root.writeFile(path, content);
  report("write", "no package brings it", { path });
}
