// A Cargo project with a program.

import { listRustPrograms } from "../../../evaluate/apps/rust-binary.ts";
import { type CargoManifest, parseCargoManifest } from "../../../formats/cargo/cargo-manifest.ts";
import type { ProjectDirectory } from "../directory.ts";
import { NotReadyError, type Recogniser } from "../recogniser.ts";

export const recogniser: Recogniser = {
  rank: 13,
  recognise(directory) {
    const text = directory.read("Cargo.toml");
    if (text === undefined) return undefined;
    const manifest = parseCargoManifest(text);
    const programs = listPrograms(directory, manifest);
    const [first, ...others] = programs;
    if (first === undefined) {
      throw new NotReadyError(
        "it is a Cargo project without a program",
        "Add src/main.rs, or run tare init in a package that has one",
      );
    }
    if (!directory.has("Cargo.lock")) {
      throw new NotReadyError(
        "it is a Cargo project without a Cargo.lock",
        "Run cargo generate-lockfile, and commit Cargo.lock",
      );
    }
    const chosen = [
      'src: path(".")',
      ...(first.member === undefined ? [] : [`package: ${JSON.stringify(first.member)}`]),
      ...(others.length > 0 || first.member !== undefined ? [`bin: ${JSON.stringify(first.program)}`] : []),
    ];
    return {
      what: `a Cargo project with the program ${first.program}`,
      name: first.program,
      imports: ["path", "rustBinary"],
      setup: [`const app = rustBinary({ ${chosen.join(", ")} });`],
      config: { Entrypoint: "[app.program]" },
      unprivileged: true,
      notes:
        others.length === 0 ? [] : [`other programs: ${others.map(({ program }) => program).join(", ")}`],
    };
  },
};

interface Program {
  readonly program: string;
  /** The package of the workspace that has it. */
  readonly member?: string;
}

function listPrograms(directory: ProjectDirectory, manifest: CargoManifest): Program[] {
  const own = listRustPrograms(directory.path, manifest).map((program) => ({ program }));
  const members = listMembers(directory, manifest.members ?? []).flatMap((path): Program[] => {
    const text = directory.read(`${path}/Cargo.toml`);
    if (text === undefined) return [];
    const member = parseCargoManifest(text);
    return listRustPrograms(directory.at(path).path, member).map((program) => ({
      program,
      ...(member.name !== undefined && { member: member.name }),
    }));
  });
  return [...own, ...members];
}

/** Directories of a workspace: as written, or all of one directory where the last part is `*`. */
function listMembers(directory: ProjectDirectory, patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    const [, parent] = /^((?:[\w.-]+\/)*[\w.-]+)\/\*$/.exec(pattern) ?? [];
    if (parent === undefined) return [pattern];
    return directory.list(parent).map((name) => `${parent}/${name}`);
  });
}
