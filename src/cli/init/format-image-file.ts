// What was recognised → the text of an image.ts, of at most twelve lines.

import { compareStrings } from "../../model/bytes.ts";
import type { DockerfileHints } from "./directory.ts";
import type { Recognition } from "./recogniser.ts";

/** A user without a name and without rights, whom every image can run as: `nobody` of most systems. */
const NOBODY = "65534:65534";

export function formatImageFile(
  recognition: Recognition,
  hints: DockerfileHints,
  directoryName: string,
): string {
  const { imports, setup, options = [], unprivileged } = recognition;
  const names = ["buildLayeredImage", ...imports].sort(compareStrings);
  const name = toImageName(recognition.name ?? directoryName);
  const config: Record<string, string> = {
    ...recognition.config,
    ...(hints.ports.length > 0 && {
      ExposedPorts: `[${hints.ports.map((port) => JSON.stringify(port)).join(", ")}]`,
    }),
    ...(hints.user !== undefined
      ? { User: JSON.stringify(hints.user) }
      : unprivileged && { User: JSON.stringify(NOBODY) }),
  };
  const values = Object.entries(config).map(([key, value]) => `${key}: ${value}`);
  return `${[
    `import { ${names.join(", ")} } from "tare";`,
    "",
    ...setup,
    ...(setup.length > 0 ? [""] : []),
    "export default buildLayeredImage({",
    `  name: ${JSON.stringify(name)},`,
    ...options.map((line) => `  ${line}`),
    `  config: { ${values.join(", ")} },`,
    "});",
  ].join("\n")}\n`;
}

/** A name made to fit what an image may be called. */
function toImageName(name: string): string {
  const fitting = name
    .toLowerCase()
    .replace(/^@[^/]*\//, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/[._-]{2,}/g, "-")
    .replace(/^[._-]+|[._-]+$/g, "");
  return fitting === "" ? "app" : fitting;
}
