// What Tare writes, against the JSON schemas of the OCI image-spec (test/fixtures/oci-schemas).

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { Ajv, type ValidateFunction } from "ajv";
import addFormatsModule from "ajv-formats";
import { deliver, parseOutput } from "../../src/deliver/deliver.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { packImage, sampleTrees } from "../kit/images.ts";

const SCHEMAS = join(import.meta.dirname, "../fixtures/oci-schemas");
const addFormats = addFormatsModule as unknown as (ajv: Ajv) => void;

/** Schemas of draft 4 in the words of draft 7: `id` is `$id`, and only at the top, where references start from. */
function modernise(value: unknown, isTop: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => modernise(item, false));
  if (typeof value !== "object" || value === null) return value;
  const { id, $schema: _, ...rest } = value as Record<string, unknown>;
  const inner = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, modernise(item, false)]));
  if (typeof id !== "string") return id === undefined ? inner : { ...inner, id: modernise(id, false) };
  return isTop ? { ...inner, $id: id } : inner;
}

const ajv = new Ajv({ strict: false, allErrors: true });

before(() => {
  addFormats(ajv);
  for (const file of readdirSync(SCHEMAS).filter((name) => name.endsWith(".json"))) {
    const schema = modernise(JSON.parse(readFileSync(join(SCHEMAS, file), "utf8")), true) as object;
    // References are by file name, from wherever.
    ajv.addSchema(schema, `https://opencontainers.org/schema/image/${file}`);
    ajv.addSchema({ ...schema, $id: `https://opencontainers.org/schema/${file}` });
  }
});

function validator(file: string): ValidateFunction {
  return ajv.getSchema(`https://opencontainers.org/schema/image/${file}`)!;
}

function check(file: string, bytes: Uint8Array): void {
  const validate = validator(file);
  const ok = validate(JSON.parse(Buffer.from(bytes).toString("utf8")));
  assert.ok(ok, `${file}: ${ajv.errorsText(validate.errors)}`);
}

for (const compression of ["zstd", "gzip", "none"] as const) {
  for (const architecture of ["amd64", "arm64"] as const) {
    test(`${compression}, ${architecture}: every document is valid`, async (t) => {
      const context = testContext(t);
      const config = {
        User: "redis:redis",
        ExposedPorts: { "6379/tcp": {} },
        Env: ["PATH=/usr/bin:/bin"],
        Entrypoint: ["/bin/hello"],
        Cmd: ["--bind", "0.0.0.0"],
        Volumes: { "/var/lib/redis": {} },
        WorkingDir: "/srv",
        Labels: { "org.opencontainers.image.title": "Grüße" },
        StopSignal: "SIGTERM",
      };
      const image = await packImage(sampleTrees(), context, { compression, architecture, config });
      const target = join(temporaryDirectory(t), "out");
      await deliver(image, parseOutput(`oci:${target}`, "/"), context);
      check("config-schema.json", image.config);
      check("image-manifest-schema.json", image.manifest);
      check("image-index-schema.json", readFileSync(join(target, "index.json")));
      check("image-layout-schema.json", readFileSync(join(target, "oci-layout")));
    });
  }
}

test("the schemas refuse what is wrong", () => {
  for (const [file, document] of [
    ["config-schema.json", { architecture: "amd64" }],
    ["image-manifest-schema.json", { schemaVersion: 2, config: {}, layers: [] }],
    ["image-index-schema.json", { schemaVersion: 2, manifests: [{ mediaType: "x", digest: "y", size: 1 }] }],
    ["image-layout-schema.json", { imageLayoutVersion: "9" }],
  ] as const) {
    assert.equal(validator(file)(document), false, file);
  }
});
