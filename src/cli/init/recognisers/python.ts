// A Python project with a lock: pylock.toml, uv.lock, or requirements.txt with hashes.

import { parse } from "smol-toml";
import type { DockerfileHints, ProjectDirectory } from "../directory.ts";
import { NotReadyError, type Recogniser } from "../recogniser.ts";

/** Files that are started when nothing is said. */
const MAIN_FILES = ["main.py", "app.py", "server.py", "manage.py", "__main__.py"];

export const recogniser: Recogniser = {
  rank: 30,
  recognise(directory, hints) {
    const lock = ["pylock.toml", "uv.lock", "requirements.txt"].find((name) => directory.has(name));
    if (lock === undefined) {
      if (!directory.has("pyproject.toml") && !directory.has("setup.py")) return undefined;
      throw new NotReadyError("it is a Python project without a lock", "Run uv lock, and commit uv.lock");
    }
    if (lock === "requirements.txt" && isUnchecked(directory.read(lock)!)) {
      throw new NotReadyError(
        "its requirements.txt has no hashes, and unchecked packages are never used",
        "Run uv pip compile --generate-hashes requirements.in -o requirements.txt, or uv lock",
      );
    }
    const project = readProject(directory);
    return {
      what: `a Python project with ${lock}`,
      name: project.name,
      imports: ["path", "pythonApp"],
      setup: ['const app = pythonApp({ src: path(".") });'],
      config: { Entrypoint: describeEntrypoint(directory, hints, project.scripts) },
      unprivileged: true,
      notes: project.scripts.length > 1 ? [`other programs: ${project.scripts.slice(1).join(", ")}`] : [],
    };
  },
};

function isUnchecked(text: string): boolean {
  return !text.includes("--hash=") && /^\s*[A-Za-z0-9]/m.test(text);
}

function readProject(directory: ProjectDirectory): { name: string | undefined; scripts: readonly string[] } {
  const text = directory.read("pyproject.toml");
  try {
    const { project } = parse(text ?? "") as { project?: { name?: unknown; scripts?: object } };
    const { name, scripts = {} } = project ?? {};
    return { name: typeof name === "string" ? name : undefined, scripts: Object.keys(scripts) };
  } catch {
    return { name: undefined, scripts: [] };
  }
}

function describeEntrypoint(
  directory: ProjectDirectory,
  { command }: DockerfileHints,
  scripts: readonly string[],
): string {
  const quote = (words: readonly string[]) => words.map((word) => JSON.stringify(word));
  const [program, ...args] = command ?? [];
  if (program !== undefined && /^[\w.-]+$/.test(program)) {
    const name = /^python[\d.]*$/.test(program) ? "python" : program;
    const files = args.map((word) =>
      directory.has(word) ? `\`\${app}/app/${word}\`` : JSON.stringify(word),
    );
    return `[${[`\`\${app}/bin/${name}\``, ...files].join(", ")}]`;
  }
  if (scripts[0] !== undefined) return `[\`\${app}/bin/${scripts[0]}\`]`;
  const main = MAIN_FILES.find((file) => directory.has(file));
  if (main === undefined) {
    throw new NotReadyError(
      "nothing says what is started",
      "Add a program to [project.scripts] of pyproject.toml, or a main.py",
    );
  }
  const rest = main === "manage.py" ? quote(["runserver", "0.0.0.0:8000"]) : [];
  return `[${[`\`\${app}/bin/python\``, `\`\${app}/app/${main}\``, ...rest].join(", ")}]`;
}
