// The registry that the client is tested against is itself measured: by the conformance suite of the OCI distribution
// specification, and by skopeo.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { deliver, parseOutput } from "../../src/deliver/deliver.ts";
import { openImage } from "../../src/sources/oci/open.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { packImage, sampleTrees } from "../kit/images.ts";
import { start } from "../kit/processes.ts";
import { type RegistryOptions, startRegistry } from "../kit/registry/registry.ts";
import { buildSuite, runSuite } from "../kit/registry/suite.ts";
import { skipWithout } from "../kit/tools.ts";

const ACCOUNT = { username: "tare", password: "correct horse" };

/** The specifications of the suite that always run; those of the other answer to a mount are skipped by it. */
const PASSED = 64;
const SKIPPED = 4;

const CONFIGURATIONS: readonly (RegistryOptions & { readonly summary: string })[] = [
  { summary: "as it is" },
  { summary: "with basic authentication", auth: { mode: "basic", ...ACCOUNT } },
  { summary: "with tokens", auth: { mode: "token", ...ACCOUNT }, uploadLocation: "absolute" },
  {
    summary: "with a minimum chunk size, state in the query and mounts without a source",
    chunkMinLength: 5,
    uploadLocation: "query",
    automaticMounts: true,
  },
  { summary: "with storage behind redirects", redirectBlobs: true, uploadLocation: "storage" },
];

for (const { summary, ...options } of CONFIGURATIONS) {
  test(`the conformance suite of the distribution specification passes: ${summary}`, async (t) => {
    const suite = await buildSuite();
    if ("problem" in suite) return t.skip(suite.problem);
    await using registry = await startRegistry(options);
    const { passed, failed, skipped, output } = await runSuite(suite.program, temporaryDirectory(t), {
      OCI_ROOT_URL: registry.url,
      OCI_AUTOMATIC_CROSSMOUNT: options.automaticMounts === true ? "1" : "0",
      ...(options.auth && { OCI_USERNAME: ACCOUNT.username, OCI_PASSWORD: ACCOUNT.password }),
    });
    t.diagnostic(
      `${passed} passed, ${failed} failed, ${skipped} skipped, ${registry.requests.length} requests`,
    );
    assert.deepEqual({ passed, failed, skipped }, { passed: PASSED, failed: 0, skipped: SKIPPED }, output);
  });
}

for (const { summary, ...options } of CONFIGURATIONS) {
  test(`skopeo copies an image in and out, every digest unchanged: ${summary}`, async (t) => {
    if (skipWithout(t, "skopeo")) return;
    const context = testContext(t);
    const folder = temporaryDirectory(t);
    const image = await packImage(sampleTrees(), context, { name: "localhost/sample", tag: "v1" });
    await deliver(image, parseOutput(`oci:${join(folder, "in")}`, "/"), context);
    await using registry = await startRegistry(options);
    const place = `docker://${registry.host}/team/sample:v1`;
    const account = `${ACCOUNT.username}:${ACCOUNT.password}`;
    const copy = async (side: "src" | "dest", from: string, to: string) => {
      const credentials = options.auth === undefined ? [] : [`--${side}-creds=${account}`];
      const insecure = `--${side}-tls-verify=false`;
      const args = [
        "--insecure-policy",
        "copy",
        "-q",
        "--preserve-digests",
        insecure,
        ...credentials,
        from,
        to,
      ];
      const { status, stderr } = await start("skopeo", args, { env: process.env });
      assert.equal(status, 0, stderr);
    };
    await copy("dest", `oci:${join(folder, "in")}:v1`, place);
    await copy("src", place, `oci:${join(folder, "out")}:v1`);
    const copied = await openImage(`oci:${join(folder, "out")}:v1`, context);
    assert.equal(copied.digest, image.digest);
    assert.equal(registry.store.existing("team/sample").tags.get("v1"), image.digest);
  });
}
