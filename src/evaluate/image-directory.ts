// The directory of the image file that is being evaluated: what relative paths in it are relative to.

let directory: string | undefined;

/** The directory of the image file, else the working directory. */
export function currentDirectory(): string {
  return directory ?? process.cwd();
}

/** Evaluates with a directory that relative paths start at. */
export async function withImageDirectory<T>(path: string, evaluate: () => Promise<T>): Promise<T> {
  const before = directory;
  directory = path;
  try {
    return await evaluate();
  } finally {
    directory = before;
  }
}
