// Sources by their names: one folder under sources/ each.

import type { Source } from "../model/source.ts";
import { importModule } from "../platform/discover.ts";

const SOURCES = new URL("../sources/", import.meta.url);

export async function loadSource(name: string): Promise<Source> {
  return (await importModule<{ source: Source }>(SOURCES, `${name}/index`)).source;
}
