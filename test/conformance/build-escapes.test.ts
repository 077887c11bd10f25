// What builds try that they must not be able to do: each attempt fails, or leaves nothing, as root and as an ordinary user.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LocalStore } from "../../src/platform/store/local-store.ts";
import { BuildProcesses, busyboxSource, shell } from "../kit/builds.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { personas } from "../kit/personas.ts";

/** Whether a process of this machine has a word in its command line. */
function isRunning(word: string): boolean {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(word);
      } catch {
        return false;
      }
    });
}

for (const persona of personas()) {
  describe(`as ${persona.name}`, {
    skip: process.platform !== "linux" ? "this is not Linux" : persona.skip,
  }, () => {
    let server: Server;
    let connections = 0;
    before(async () => {
      server = createServer((socket) => {
        connections++;
        socket.end("host service");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    });
    after(() => server.close());

    test("no attempt to reach this machine succeeds", async (t) => {
      const builds = new BuildProcesses(t, persona);
      const busybox = busyboxSource(t);
      const outside = temporaryDirectory(t);
      chmodSync(outside, 0o777);
      const secret = join(outside, "secret");
      writeFileSync(secret, "s3cret");
      chmodSync(secret, 0o666);
      const victim = spawn("sleep", ["98765"]);
      t.after(() => victim.kill("SIGKILL"));
      const { port } = server.address() as { port: number };
      const attempts = {
        "the password file": "cat /etc/shadow",
        "the home of root": "ls /root/. /home/.",
        "a file of this machine": `cat ${secret}`,
        "a file of this machine, written": `echo gotcha > ${secret}`,
        "the root of the first process": "ls /proc/1/root/",
        "a file through the first process": `cat /proc/1/root${secret}`,
        "the environment of the first process": "cat /proc/1/environ",
        "the working directory of the first process": "ls /proc/1/cwd/",
        loopback: `echo | nc -w 1 127.0.0.1 ${port} | grep service`,
        "another address": "echo | nc -w 1 192.0.2.1 80 | grep .",
        "a process": `kill -9 ${victim.pid}`,
        "an input": `echo gotcha > ${busybox}/bin/evil`,
        "the file of an input": `echo gotcha >> ${busybox}/bin/busybox`,
        "the modes of an input": `chmod 777 ${busybox}/bin/busybox`,
        "an input, removed": `rm ${busybox}/bin/cat`,
        "the root directory": "echo gotcha > /evil",
        "the users": "echo gotcha >> /etc/passwd",
        "settings of the kernel": "echo 1 > /proc/sys/vm/overcommit_memory",
        "the host name": "hostname gotcha",
        "a hard link to an input": `ln ${busybox}/bin/busybox $out/linked`,
        "a block device": "mknod $out/disk b 8 0",
        "a character device": "mknod $out/memory c 1 1",
        "a file system": "mount -t tmpfs tmpfs /build",
        "an input, mounted again": `mount -o remount,rw,bind ${busybox}`,
        "an input in a name space": `unshare -Urm sh -c "mount -o remount,rw,bind ${busybox}" && echo gotcha > ${busybox}/evil`,
        "an input below a mount": `unshare -Urm sh -c "umount ${busybox}" && ls ${busybox}`,
        "another user": "id -u | grep -w 0",
      };
      const tries = Object.entries(attempts).map(
        ([name, command]) => `if (${command}) >/dev/null 2>&1; then echo '${name}' >> $out/escaped; fi`,
      );
      const script = [
        "mkdir -p $out/kept; : > $out/escaped",
        ...tries,
        "ps -o args > $out/processes || ps > $out/processes",
        "echo stray > /nix/store/stray; ln -s /etc/shadow $out/kept/link; ln -s /nix/store/stray $out/kept/stray",
        "echo s > $out/kept/setuid; chmod 6755 $out/kept/setuid || chmod 755 $out/kept/setuid",
        "(setsid sleep 87654321 >/dev/null 2>&1 &)",
      ].join("\n");
      const report = await builds.build([shell(busybox, "escape", script), busybox]);
      assert.equal(report.error, undefined);
      using store = new LocalStore(builds.store);
      const out = store.physicalPath(report.paths[0]!);
      assert.equal(readFileSync(join(out, "escaped"), "utf8"), "");
      assert.doesNotMatch(readFileSync(join(out, "processes"), "utf8"), /98765\n|run-build/);
      assert.equal(readFileSync(secret, "utf8"), "s3cret");
      assert.equal(connections, 0);
      assert.equal(victim.exitCode ?? victim.signalCode, null);
      assert.equal(isRunning("87654321"), false);
      assert.equal(lstatSync(join(out, "kept/setuid")).mode & 0o7777, 0o555);
      assert.equal(lstatSync(join(out, "kept/link")).isSymbolicLink(), true);
      assert.equal(existsSync(join(builds.store, "nix/store/stray")), false);
      assert.deepEqual(readdirSync(join(builds.store, "nix/var/tare/staging")), []);
      for (const path of report.paths) {
        const { narHash } = await store.scan(store.physicalPath(path), [], new AbortController().signal);
        assert.equal(narHash, store.query(path).narHash, path);
      }
    });

    test("nothing survives the time that it may take", async (t) => {
      const builds = new BuildProcesses(t, persona);
      const script =
        "(setsid sh -c 'while :; do sleep 12345678 & sleep 1; done' >/dev/null 2>&1 &); trap '' TERM INT HUP; sleep 12345678; sleep 12345678";
      const { error } = await builds.build([shell(busyboxSource(t), "fork", script)], { timeout: 2 });
      assert.equal(error?.code, "BUILD_TIMEOUT");
      assert.equal(isRunning("12345678"), false);
      assert.deepEqual(readdirSync(join(builds.store, "nix/var/tare/staging")), []);
    });

    test("a fifo in an output is refused, and an output that is a device cannot be", async (t) => {
      const builds = new BuildProcesses(t, persona);
      const busybox = busyboxSource(t);
      const fifo = await builds.build([shell(busybox, "fifo", "mkfifo $out")]);
      assert.equal(fifo.error?.code, "STORE_FILE_UNSUPPORTED");
      const device = await builds.build([shell(busybox, "device", "mknod $out c 1 3")]);
      assert.equal(device.error?.code, "BUILD_FAILED");
    });

    test("a fixed output reaches the network, and nothing else more", async (t) => {
      const builds = new BuildProcesses(t, persona);
      const { port } = server.address() as { port: number };
      const before = connections;
      const script = `echo | nc -w 2 127.0.0.1 ${port} > $out; if cat /etc/shadow; then echo no > $out; fi`;
      const { error } = await builds.build([
        shell(busyboxSource(t), "fetched", script, {
          outputHash: "sha256:62cf8d2a5b9d2b6ac0d8d5c8c0b3c8a1c4b8f7a5b7e1d1c9d7c2b5e3d3f2a1b0",
        }),
      ]);
      assert.equal(error?.code, "OUTPUT_HASH_MISMATCH");
      assert.equal(connections, before + 1);
      connections = before;
    });
  });
}
