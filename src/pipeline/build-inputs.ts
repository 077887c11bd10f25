// What an image is made from, as text: the specification, the lock, this Tare, and what of this machine goes into it.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { Context } from "../model/context.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import { readBuildInfo } from "../platform/build-info.ts";
import { fileIdentity, readText } from "../platform/files.ts";
import type { Evaluated } from "./evaluate.ts";
import { withBases } from "./requests.ts";

/** What a build is known by. */
export interface BuildInputs {
  readonly evaluated: Evaluated;
  /** Seconds since the epoch that the image bears. */
  readonly createdSeconds: number;
  /** What its local files and source trees were when it began, as of {@link hashFiles}. */
  readonly files: string;
}

export async function gatherInputs(
  evaluated: Evaluated,
  createdSeconds: number,
  context: Context,
): Promise<BuildInputs> {
  return { evaluated, createdSeconds, files: await hashFiles(evaluated.spec, context) };
}

/** Everything that an image depends on; undefined when there is no lock yet, or when Tare runs from its sources. */
export function buildKey({ evaluated, createdSeconds, files }: BuildInputs): string | undefined {
  const tools = readTools(evaluated);
  if (tools === undefined) return undefined;
  const { spec } = evaluated;
  return sha256(formatCanonicalJson({ ...tools, spec, createdSeconds, files }));
}

/** Which Tare builds, and from which lock as it is now; undefined as for {@link buildKey}. */
export function readTools({
  lockFile,
}: Evaluated): { readonly id: string; readonly lock: string } | undefined {
  const { id } = readBuildInfo();
  const lock = id === undefined ? undefined : readText(lockFile);
  return id === undefined || lock === undefined ? undefined : { id, lock: lock.replaceAll("\r\n", "\n") };
}

/** What the local files and source trees of an image are, as text; empty when there are none. */
export async function hashFiles(spec: ImageSpec, context: Context): Promise<string> {
  const [own, ...below] = await Promise.all(withBases(spec).map((one) => hashOwnFiles(one, context)));
  const references = withBases(spec).flatMap(({ base }) =>
    base?.kind === "reference" ? `${base.reference} ${describeReference(base.reference)}` : [],
  );
  return [own, ...below, ...references].join("\n");
}

/** What changes when another image comes to lie where a reference leads. */
function describeReference(reference: string): string {
  const path = localImagePath(reference) ?? reference;
  return readText(join(path, "index.json")) ?? fileIdentity(path) ?? "";
}

/** Where the image of a reference with a transport lies on this machine; undefined for one of a registry. */
export function localImagePath(reference: string): string | undefined {
  return /^(?:oci|oci-archive|docker-archive):([^:]+)/.exec(reference)?.[1];
}

async function hashOwnFiles({ files, graph }: ImageSpec, context: Context): Promise<string> {
  const nodes = Object.entries(graph).flatMap(([id, node]) =>
    node.kind === "derivation" ? [] : { id, node },
  );
  if (files.length === 0 && nodes.length === 0) return "";
  const { describeLocalFile } = await import("../sources/path/local-files.ts");
  const described = await Promise.all(files.map(describeLocalFile));
  const { hashNar } = await import("../platform/store-files.ts");
  const hashed = await Promise.all(
    nodes.map(async ({ id, node }) => {
      if (node.kind === "import") {
        return `${id} ${await (await import("./builds.ts")).identifyImport(node, context)}`;
      }
      return `${id} ${(await hashNar(node.path, { include: node.include, signal: context.signal })).narHash}`;
    }),
  );
  return [...described.map(({ sha256, mode }) => `${sha256} ${mode}`), ...hashed].join("\n");
}

/** A text that is the same as long as nothing has changed of what an image is made from. */
export async function fingerprint(evaluated: Evaluated, context: Context): Promise<string> {
  const { specs, lockFile } = evaluated;
  const files = await Promise.all(specs.map((spec) => hashFiles(spec, context)));
  return sha256(formatCanonicalJson({ specs, files, lock: readText(lockFile) ?? "" }));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
