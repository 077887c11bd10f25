import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildError, busyboxSource, shell, TestBuilds } from "../../test/kit/builds.ts";
import { derivation } from "../evaluate/derivation.ts";
import { writeText } from "../evaluate/trivial-builders.ts";
import { hashPart } from "../model/store-path.ts";

const skip = process.platform !== "linux" && "this is not Linux";

describe("a build", { skip }, () => {
  test("makes what its script says, with references to what its bytes name", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const first = shell(busybox, "first", "echo one > $out");
    const second = shell(
      busybox,
      "second",
      `mkdir -p $out/bin; echo "$(cat ${first}) two" > $out/text; echo ${first} > $out/bin/ref; ln -s $out/text $out/self`,
    );
    const [firstPath, path] = await builds.build(first, second);
    const place = builds.store.physicalPath(path!);
    assert.equal(readFileSync(join(place, "text"), "utf8"), "one two\n");
    assert.equal(readlinkSync(join(place, "self")), `${path}/text`);
    const info = builds.store.query(path!);
    assert.deepEqual(info.references, [firstPath, path].sort());
    assert.match(info.deriver ?? "", /-second\.drv$/);
    assert.equal(info.ultimate, true);
  });

  test("sees the environment that Nix gives it, and nothing of this machine's", async (t) => {
    const builds = new TestBuilds(t, { cores: 3 });
    const busybox = busyboxSource(t);
    process.env["LEAKED"] = "1";
    t.after(() => delete process.env["LEAKED"]);
    const text = await builds.text(
      shell(busybox, "env", "env > $out; umask >> $out; id -u >> $out; hostname >> $out; pwd >> $out", {
        env: { list: ["a", "b"], yes: true, no: false, number: 3 },
      }),
    );
    for (const line of [
      "HOME=/homeless-shelter",
      "NIX_BUILD_TOP=/build",
      "TMPDIR=/build",
      "NIX_STORE=/nix/store",
      "NIX_BUILD_CORES=3",
      "list=a b",
      "yes=1",
      "no=",
      "number=3",
      "0022",
      "1000",
      "localhost",
      "/build",
    ]) {
      assert.ok(text.split("\n").includes(line), `${line} in\n${text}`);
    }
    assert.doesNotMatch(text, /LEAKED/);
  });

  test("gets long values in files, and the closure of a path as Nix writes it", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const note = writeText("note", "a note");
    const long = "x".repeat(200_000);
    const made = shell(busybox, "files", "wc -c < $longPath > $out; cat /build/graph >> $out", {
      env: { long, passAsFile: ["long"], exportReferencesGraph: ["graph", note] },
    });
    const [path, notePath] = await builds.build(made, note);
    const drv = builds.store.query(notePath!).deriver;
    const text = readFileSync(builds.store.physicalPath(path!), "utf8");
    assert.equal(text.trim(), `200000\n${notePath}\n${drv}\n0`);
  });

  test("gets structured attributes as JSON and as shell", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const script = `. /build/.attrs.sh; ${busybox}/bin/cat /build/.attrs.json > "$(${busybox}/bin/sed -n 's/.*"out":"\\([^"]*\\)".*/\\1/p' /build/.attrs.json)"`;
    const place = await builds.place(
      derivation({
        name: "structured",
        builder: `${busybox}/bin/sh`,
        args: ["-e", "-c", script.replace(". /build/.attrs.sh; ", "")],
        structuredAttrs: true,
        env: { nested: { list: [1, "two", null, true] }, dependency: busybox },
      }),
    );
    const attributes = JSON.parse(readFileSync(place, "utf8"));
    assert.deepEqual(attributes.nested, { list: [1, "two", null, true] });
    assert.match(attributes.dependency, /^\/nix\/store\/.{32}-busybox$/);
    assert.match(attributes.outputs.out, /-structured$/);
  });

  test("makes outputs as a store has them: modes, times, no set-uid bits, hard links kept", async (t) => {
    const builds = new TestBuilds(t);
    const place = await builds.place(
      shell(
        busyboxSource(t),
        "modes",
        `mkdir -p $out/d; echo a > $out/d/a; chmod 4755 $out/d/a; ln $out/d/a $out/b; echo c > $out/c; chmod 000 $out/c
         ln -s /etc/shadow $out/link; chmod 2700 $out/d`,
      ),
    );
    assert.equal(statSync(join(place, "d/a")).mode & 0o7777, 0o555);
    assert.equal(statSync(join(place, "b")).ino, statSync(join(place, "d/a")).ino);
    assert.equal(statSync(join(place, "c")).mode & 0o7777, 0o444);
    assert.equal(lstatSync(join(place, "d")).mode & 0o7777, 0o555);
    assert.equal(lstatSync(place).mtimeMs, 1000);
    assert.equal(lstatSync(join(place, "link")).mtimeMs, 1000);
    assert.equal(lstatSync(place).uid, process.getuid?.());
  });

  test("has several outputs, each with its own references", async (t) => {
    const builds = new TestBuilds(t);
    const made = shell(
      busyboxSource(t),
      "many",
      "mkdir $out $dev; echo $out > $dev/flags; echo lib > $out/lib",
      {
        outputs: ["out", "dev"],
      },
    );
    const [out, dev] = await builds.build(made, made.outputs["dev"]!);
    assert.deepEqual(builds.store.query(out!).references, []);
    assert.deepEqual(builds.store.query(dev!).references, [out]);
    assert.match(dev!, /-many-dev$/);
  });

  test("is done once, and again when it is gone", async (t) => {
    const builds = new TestBuilds(t);
    const made = shell(busyboxSource(t), "once", "echo said; cat /proc/sys/kernel/random/uuid > $out");
    const first = await builds.text(made);
    assert.equal(await builds.text(made), first);
    assert.equal(
      builds.context.progress.lines.filter((line) => line === "building once: 1 line of log").length,
      1,
    );
  });

  test("fails with its last lines, and keeps its log; other files go", async (t) => {
    const builds = new TestBuilds(t);
    const made = shell(
      busyboxSource(t),
      "broken",
      "for i in $(seq 1 40); do echo line $i; done; printf 'red \\033[31mtext\\033[0m\\n' >&2; mkdir $out; exit 7",
    );
    const plan = await builds.plan(made);
    const { drvPath } = [...plan.derivations.values()][0]!;
    await assert.rejects(
      builds.build(made),
      buildError("BUILD_FAILED", /exit code 7; its last lines were\n(?: {2}│ line \d+\n){11} {2}│ red text$/),
    );
    const log = readFileSync(builds.store.logFile(drvPath), "utf8");
    assert.match(log, /^line 1\n[\s\S]*line 40\nred \u001b/);
    assert.deepEqual(readdirSync(join(builds.store.root, "nix/var/tare/staging")), []);
    assert.deepEqual(builds.context.progress.lines, []);
  });

  test("that a signal ends says so", async (t) => {
    const builds = new TestBuilds(t);
    await assert.rejects(
      builds.build(shell(busyboxSource(t), "killed", "kill -KILL $$")),
      buildError("BUILD_FAILED", /was ended by SIGKILL; it said nothing$/),
    );
  });

  test("keeps its directory when that is asked for", async (t) => {
    const builds = new TestBuilds(t, { keepFailed: true });
    const broken = shell(busyboxSource(t), "broken", "echo evidence > found; false");
    await assert.rejects(builds.build(broken), buildError("BUILD_FAILED", /exit code 1/));
    await assert.rejects(builds.build(broken), buildError("BUILD_FAILED", /exit code 1/));
    const failed = join(builds.store.root, "nix/var/tare/failed");
    assert.deepEqual(readdirSync(failed).sort(), ["broken-1", "broken-2"]);
    assert.equal(readFileSync(join(failed, "broken-1/found"), "utf8"), "evidence\n");
    // It is its owner's, and nobody else's.
    assert.equal(statSync(join(failed, "broken-1")).mode & 0o777, 0o755);
  });

  test("keeps what cannot be used when that is asked for, and says where", async (t) => {
    const builds = new TestBuilds(t, { keepFailed: true });
    const busybox = busyboxSource(t);
    const note = writeText("note", "a note");
    const outputHash = `sha256:${"0".repeat(64)}`;
    const cases: readonly [ReturnType<typeof shell>, string, RegExp, string, string][] = [
      [
        shell(busybox, "lost", "echo found > elsewhere"),
        "OUTPUT_MISSING",
        /its directory stays until tare store gc: \S+failed\/lost-1$/,
        "lost-1/elsewhere",
        "found\n",
      ],
      [
        shell(busybox, "other", "echo other > $out", { outputHash }),
        "OUTPUT_HASH_MISMATCH",
        /\. What it made stays until tare store gc: \S+failed\/other-out-1$/,
        "other-out-1",
        "other\n",
      ],
      [
        shell(busybox, "refers", `mkdir $out; echo ${note} > $out/text`, { disallowedReferences: [note] }),
        "REFERENCE_FORBIDDEN",
        /What it made stays until tare store gc: \S+failed\/refers-out-1$/,
        "refers-out-1/text",
        "/nix/store/",
      ],
    ];
    for (const [made, code, hint, file, text] of cases) {
      await assert.rejects(builds.build(made), (error: { code: string; hint: string }) => {
        assert.equal(error.code, code);
        assert.match(error.hint, hint);
        return true;
      });
      const kept = join(builds.store.failedDirectory, file);
      assert.ok(readFileSync(kept, "utf8").startsWith(text));
      assert.equal(statSync(kept).mode & 0o777, 0o644);
    }
    await assert.rejects(
      builds.build(shell(busybox, "pipe", "mkdir $out; mkfifo $out/pipe")),
      buildError("STORE_FILE_UNSUPPORTED", /it is a fifo/),
    );
    assert.match(
      builds.context.progress.lines.join("\n"),
      /What it made stays until tare store gc: \S+failed\/pipe-out-1$/m,
    );
  });

  test("is ended when it takes or is silent too long, with all that it has started", async (t) => {
    const busybox = busyboxSource(t);
    const slow = new TestBuilds(t, { timeout: 1 });
    await assert.rejects(
      slow.build(
        shell(busybox, "slow", "(while :; do sleep 1; done) & setsid sleep 100 & echo go; sleep 100"),
      ),
      buildError("BUILD_TIMEOUT", /it took longer than 1 seconds?; its last lines were\n {2}│ go$/),
    );
    const silent = new TestBuilds(t, { maxSilentTime: 1 });
    await assert.rejects(
      silent.build(shell(busybox, "silent", "echo a; sleep 100")),
      buildError("BUILD_TIMEOUT", /it said nothing for 1 seconds?/),
    );
  });

  test("must make its outputs", async (t) => {
    const builds = new TestBuilds(t);
    const made = shell(busyboxSource(t), "forgetful", "mkdir $out", { outputs: ["out", "dev"] });
    await assert.rejects(
      builds.build(made),
      buildError("OUTPUT_MISSING", /has not made its output dev, a file or directory at \$dev was expected/),
    );
    assert.equal(
      builds.store.isValid(
        (await builds.plan(made)).derivations.values().next().value!.outputs.get("out") as never,
      ),
      false,
    );
  });

  test("cannot leave a fifo or a socket", async (t) => {
    const builds = new TestBuilds(t);
    await assert.rejects(
      builds.build(shell(busyboxSource(t), "pipe", "mkdir $out; mkfifo $out/pipe")),
      buildError("STORE_FILE_UNSUPPORTED", /\/pipe into the store: it is a fifo/),
    );
  });

  test("for another machine is refused", async (t) => {
    const builds = new TestBuilds(t);
    const foreign = derivation({ name: "foreign", builder: "/bin/sh", system: "riscv64-linux" });
    await assert.rejects(
      builds.build(foreign),
      buildError("BUILD_PLATFORM", /it is for riscv64-linux, this machine is/),
    );
  });

  test("by a builtin that is none is refused", async (t) => {
    const builds = new TestBuilds(t);
    const unknown = derivation({ name: "unknown", builder: "builtin:magic", system: "builtin" });
    await assert.rejects(
      builds.build(unknown),
      buildError("BUILTIN_INVALID", /no builder builtin:magic, only fetchurl, (?:\S+, )*tree/),
    );
  });
});

describe("a fixed output", { skip }, () => {
  const sha256 = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

  test("has the hash that was said: of the file", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const good = shell(busybox, "good", "echo hello > $out", { outputHash: sha256("hello\n") });
    const [path] = await builds.build(good);
    assert.equal(
      builds.store.query(path!).ca,
      "fixed:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq",
    );
    const bad = shell(busybox, "bad", "echo bye > $out", { outputHash: sha256("hello\n") });
    await assert.rejects(
      builds.build(bad),
      buildError(
        "OUTPUT_HASH_MISMATCH",
        /its hash is sha256-\S+=, sha256-WJG1tSLV3whtD\/CxEPvZ0hu0\/HFjrzTQgoai6Eb2vgM= was said/,
      ),
    );
    const tree = shell(busybox, "tree", "mkdir $out", { outputHash: sha256("hello\n") });
    await assert.rejects(builds.build(tree), buildError("OUTPUT_HASH_MISMATCH", /a flat hash is of a file/));
  });

  test("must not refer to anything", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const script = `echo ${busybox} > $out`;
    const [path] = await builds.build(busybox);
    const made = shell(busybox, "referring", script, { outputHash: sha256(`${path}\n`) });
    await assert.rejects(
      builds.build(made),
      buildError("REFERENCE_FORBIDDEN", /a fixed hash must not refer to any store path/),
    );
  });

  test("may be a tree", async (t) => {
    const builds = new TestBuilds(t);
    const made = (outputHash: string) =>
      shell(busyboxSource(t), "tree", "mkdir $out; echo a > $out/a", {
        outputHash,
        outputHashMode: "recursive",
      });
    const wrong = `sha256-${Buffer.alloc(32).toString("base64")}`;
    const error = await builds.build(made(wrong)).then(
      () => assert.fail("it was built"),
      (error: Error) => error,
    );
    const found = /its hash is (sha256-\S+=),/.exec(error.message)?.[1];
    const [path] = await builds.build(made(found!));
    assert.match(builds.store.query(path!).ca ?? "", /^fixed:r:sha256:/);
  });
});

describe("references", { skip }, () => {
  test("must be among those that are allowed, and not among those that are not", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const note = writeText("note", "a note");
    const link = writeText("link", `see ${note}`);
    const refer = (options: object) =>
      shell(busybox, "refer", `echo ${link} $out > $out`, { ...options, inputs: [note] });
    const allowed = refer({ allowedReferences: [link, "out"] });
    await builds.build(allowed);
    const cases: readonly [object, RegExp][] = [
      [{ allowedReferences: ["out"] }, /refers to \S+-link, and allowedReferences does not list it/],
      [{ allowedReferences: [] }, /allowedReferences does not list it/],
      [{ disallowedReferences: [link] }, /refers to \S+-link, and disallowedReferences lists it/],
      [{ disallowedReferences: ["out"] }, /disallowedReferences lists it/],
      [{ env: { allowedRequisites: [link, "out"] } }, /refers to \S+-note, and allowedRequisites does not/],
      [{ env: { disallowedRequisites: [note] } }, /refers to \S+-note, and disallowedRequisites lists/],
    ];
    for (const [options, message] of cases) {
      await assert.rejects(builds.build(refer(options)), buildError("REFERENCE_FORBIDDEN", message));
    }
    const inFiles = shell(
      busybox,
      "files",
      `mkdir $out; ln -s ${link} $out/l; for i in 1 2 3 4; do echo ${link} > $out/$i; done`,
      { allowedReferences: [] },
    );
    await assert.rejects(
      builds.build(inFiles),
      buildError(
        "REFERENCE_FORBIDDEN",
        /refers to \S+-link \(in 1, 2, 3 and 2 more\), and allowedReferences/,
      ),
    );
    await builds.build(refer({ disallowedReferences: [note] }));
    await builds.build(refer({ env: { allowedRequisites: [link, note, "out"] } }));
  });

  test("of outputs must not go in a circle", async (t) => {
    const builds = new TestBuilds(t);
    const made = shell(busyboxSource(t), "circle", "echo $dev > $out; echo $out > $dev", {
      outputs: ["out", "dev"],
    });
    await assert.rejects(builds.build(made), buildError("OUTPUT_CYCLE", /in a circle, \S+ → \S+ → \S+$/));
  });

  test("are removed where that is asked for, in hard links once", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const note = writeText("note", "a note");
    const made = shell(
      busybox,
      "removed",
      `mkdir $out; echo ${note} ${note} > $out/a; ln $out/a $out/b; echo ${busybox} > $out/c; ln -s ${busybox} $out/l`,
      { removeReferencesTo: [note], disallowedReferences: [note] },
    );
    const [path, notePath, busyboxPath] = await builds.build(made, note, busybox);
    assert.deepEqual(builds.store.query(path!).references, [busyboxPath]);
    const blank = notePath!.replace(hashPart(notePath!), "e".repeat(32));
    const place = builds.store.physicalPath(path!);
    assert.equal(readFileSync(join(place, "a"), "utf8"), `${blank} ${blank}\n`);
    assert.equal(statSync(join(place, "a")).mode & 0o777, 0o444);
    assert.equal(statSync(join(place, "a")).nlink, 2);
    assert.equal(statSync(join(place, "a")).mtimeMs, 1000);
    const wrong = shell(busybox, "wrong", "echo > $out", { env: { removeReferencesTo: ["gcc"] } });
    await assert.rejects(builds.build(wrong), buildError("BUILTIN_INVALID", /removeReferencesTo has "gcc"/));
  });
});

describe("--check", { skip }, () => {
  test("builds again and compares, with what differs by file", async (t) => {
    const busybox = busyboxSource(t);
    const builds = new TestBuilds(t, { check: true });
    await builds.build(shell(busybox, "same", "echo same > $out"));
    const random = "cat /proc/sys/kernel/random/uuid";
    const differs = shell(
      busybox,
      "differs",
      `mkdir $out; echo same > $out/same; ${random} > $out/text; ${random} > $out/only-$(${random} | cut -c1-8)`,
    );
    await assert.rejects(
      builds.build(differs),
      buildError(
        "BUILD_NOT_REPRODUCIBLE",
        /a second build gave other bytes\n {2}\/nix\/store\/\S+-differs:\n {4}only-\w{8}: only the first has it\n {4}text: at byte \d+ "[^"]+", then "[^"]+"\n {4}only-\w{8}: only the second has it$/,
      ),
    );
    // The first build stays what is valid.
    assert.equal(existsSync(await new TestBuilds(t, {}, builds.store.root).place(differs)), true);
  });

  test("also what the image is built from, behind what Tare makes itself", async (t) => {
    const builds = new TestBuilds(t, { check: true, keepFailed: true });
    const random = shell(busyboxSource(t), "random", "cat /proc/sys/kernel/random/uuid > $out");
    const error = buildError("BUILD_NOT_REPRODUCIBLE", /Cannot reproduce random/);
    await assert.rejects(builds.build(writeText("note", `of ${random}`)), error);
    assert.deepEqual(readdirSync(join(builds.store.root, "nix/var/tare/failed")), ["random-check-1"]);
  });
});
