// tare init: looks at a project, and writes the image.ts that builds it.

import { join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { evaluate } from "../../pipeline.ts";
import { writeFileAtomically } from "../../platform/disk.ts";
import { pathKind } from "../../platform/files.ts";
import type { CommonOptions, Host } from "../host.ts";
import { formatImageFile } from "../init/format-image-file.ts";
import { InitError, recogniseProject } from "../init/recognise.ts";
import { addExamples } from "../options.ts";

export const summary = "write an image.ts for the project in a directory";

export function configure(command: Command, host: Host): void {
  command
    .argument("[directory]", "the directory of the project", ".")
    .option("--force", "take the place of an image.ts that is there");
  addExamples(
    command,
    ["tare init", "look at this directory, and write image.ts"],
    ["tare init services/api", "choose one of several projects"],
  );
  command.action(async (path: string, options: CommonOptions & { force?: boolean }) => {
    const root = resolve(path);
    if (pathKind(root) !== "directory") {
      throw new InitError("PROJECT_NOT_RECOGNISED", `Cannot look at ${path}: there is no such directory`);
    }
    const { directory, recognition, hints, others } = await recogniseProject(root);
    const file = join(directory.path, "image.ts");
    if (options.force !== true && pathKind(file) !== undefined) {
      throw new InitError("IMAGE_FILE_EXISTS", `Cannot write ${file}: it is there already`, {
        hint: "tare init --force takes its place",
      });
    }
    const text = formatImageFile(recognition, hints, directory.name);
    writeFileAtomically(file, text);
    // What was written is held to what it says: a project that cannot be built is told now.
    await evaluate(file);
    const notes = [...(recognition.notes ?? []), ...others.map((other) => `there is also ${other}`)];
    const shown = relative(process.cwd(), file) || file;
    const where = relative(process.cwd(), directory.path);
    host.print(
      options,
      { file, recognised: recognition.what, notes, text },
      [
        `${shown}: ${recognition.what}`,
        ...notes.map((note) => `  ${note}`),
        "",
        text.trimEnd(),
        "",
        `tare build${where === "" ? "" : ` ${where}`} makes the image`,
      ].join("\n"),
    );
  });
}
