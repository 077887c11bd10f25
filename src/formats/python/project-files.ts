// Which entries of a project's directory are made by tools and never part of it.

/** Names of files and directories, wherever they are. */
export const GENERATED_NAMES: readonly string[] = [
  ".coverage",
  ".eggs",
  ".mypy_cache",
  ".nox",
  ".pytest_cache",
  ".ruff_cache",
  ".tox",
  ".venv",
  "__pycache__",
  "node_modules",
  "venv",
];

/** Whether a file or directory was made by a tool, by its name. */
export function isGenerated(name: string): boolean {
  return GENERATED_NAMES.includes(name) || /\.(?:egg-info|py[co])$/.test(name);
}
