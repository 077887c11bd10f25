// A directory with one program that is built already: an ELF file that can be executed.

import { parseElf } from "../../../formats/elf.ts";
import { isExecutable, readStart } from "../../../platform/files.ts";
import type { ProjectDirectory } from "../directory.ts";
import type { Recogniser } from "../recogniser.ts";

/** Bytes of an ELF file's header. */
const HEADER_SIZE = 64;

export const recogniser: Recogniser = {
  rank: 80,
  recognise(directory) {
    const [first, ...others] = listPrograms(directory);
    if (first === undefined) return undefined;
    const name = first.slice(first.lastIndexOf("/") + 1);
    return {
      what: `the program ${first}`,
      name,
      imports: ["file"],
      setup: [],
      options: [`contents: [file(${JSON.stringify(`./${first}`)}, ${JSON.stringify(`/usr/bin/${name}`)})],`],
      config: { Entrypoint: `[${JSON.stringify(`/usr/bin/${name}`)}]` },
      unprivileged: true,
      notes: others.length === 0 ? [] : [`other programs: ${others.join(", ")}`],
    };
  },
};

function listPrograms(directory: ProjectDirectory): string[] {
  const files = [...directory.list(), ...directory.list("bin").map((name) => `bin/${name}`)];
  return files.filter((path) => {
    if (!directory.has(path) || !/^[\w./+-]+$/.test(path)) return false;
    const absolute = `${directory.path}/${path}`;
    const elf = parseElf(readStart(absolute, HEADER_SIZE));
    return (
      elf !== undefined &&
      (elf.type === "executable" || elf.type === "shared") &&
      isExecutable(absolute) &&
      !/\.so(?:\.|$)/.test(path)
    );
  });
}
