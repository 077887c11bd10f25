// Which package indexes are asked: image.ts's option, the environment, pip's configuration, the lock, the public one.

import { parsePipConfig } from "../../formats/python/pip-config.ts";
import { DiskError } from "../../platform/disk.ts";
import { environmentVariable } from "../../platform/environment.ts";
import { readSmallFile } from "../../platform/files.ts";

/** Base URLs of "simple" indexes, in the order in which they are asked. */
export interface IndexSettings {
  readonly urls: readonly string[];
  /** True when somebody named them: files of the public host are then looked for there first. */
  readonly isNamed: boolean;
}

const PUBLIC_INDEX = "https://pypi.org/simple";
/** The host of the public index's files, as locks name it. */
const PUBLIC_FILES = /^https:\/\/(?:files\.pythonhosted\.org|pypi\.org|pypi\.python\.org)\//;

/** Whether a URL is of the public index. */
export function isPublicUrl(url: string): boolean {
  return PUBLIC_FILES.test(url);
}

const LARGEST_CONFIG = 1 << 20;

/** pip's configuration files, in the order in which a later one overrides an earlier one. */
function configFiles(): string[] {
  const override = environmentVariable("PIP_CONFIG_FILE");
  const home = environmentVariable("HOME");
  const system = (environmentVariable("XDG_CONFIG_DIRS") ?? "/etc/xdg")
    .split(":")
    .filter((path) => path.startsWith("/"));
  const user = environmentVariable("XDG_CONFIG_HOME") ?? (home === undefined ? undefined : `${home}/.config`);
  const environment = environmentVariable("VIRTUAL_ENV");
  return [
    ...system.map((directory) => `${directory}/pip/pip.conf`),
    "/etc/pip.conf",
    ...(home === undefined ? [] : [`${home}/.pip/pip.conf`]),
    ...(user === undefined ? [] : [`${user}/pip/pip.conf`]),
    ...(environment === undefined ? [] : [`${environment}/pip.conf`]),
    ...(override === undefined || override === "/dev/null" ? [] : [override]),
  ];
}

function readConfigs(): { index: string | undefined; extraIndexes: readonly string[] } {
  let index: string | undefined;
  let extraIndexes: readonly string[] = [];
  for (const path of environmentVariable("PIP_CONFIG_FILE") === "/dev/null" ? [] : configFiles()) {
    const bytes = tryToRead(path);
    if (bytes === undefined) continue;
    const settings = parsePipConfig(bytes.toString("utf8"));
    index = settings.index ?? index;
    if (settings.extraIndexes.length > 0) extraIndexes = settings.extraIndexes;
  }
  return { index, extraIndexes };
}

/** A file that cannot be read is left out: it is only a hint where indexes are. */
function tryToRead(path: string): Buffer | undefined {
  try {
    const bytes = readSmallFile(path, LARGEST_CONFIG);
    return bytes === "too-large" ? undefined : bytes;
  } catch (error) {
    if (error instanceof DiskError) return undefined;
    throw error;
  }
}

function splitUrls(text: string | undefined): string[] {
  return (text ?? "").split(/[\s,]+/).filter((url) => url !== "");
}

/**
 * Gathers the indexes.
 *
 * Who names indexes for Tare, by the option or by `TARE_PYPI_INDEX`, gets those alone. Otherwise it is pip's choice
 * (`PIP_INDEX_URL`, `PIP_EXTRA_INDEX_URL`, its configuration files) or uv's (`UV_DEFAULT_INDEX`, `UV_INDEX_URL`), then
 * what the lock names, then the public index, unless another one was named in its place.
 *
 * @param options The option of image.ts.
 * @param locked Indexes that the lock names.
 */
export function readIndexSettings(options: readonly string[], locked: readonly string[]): IndexSettings {
  const named = options.length > 0 ? options : splitUrls(environmentVariable("TARE_PYPI_INDEX"));
  if (named.length > 0) return { urls: unique(named), isNamed: true };
  const config = readConfigs();
  const index =
    environmentVariable("PIP_INDEX_URL") ??
    environmentVariable("UV_DEFAULT_INDEX") ??
    environmentVariable("UV_INDEX_URL") ??
    config.index;
  const extra = environmentVariable("PIP_EXTRA_INDEX_URL");
  const extras = extra === undefined ? config.extraIndexes : splitUrls(extra);
  const isNamed = index !== undefined && !isPublicUrl(`${index}/`);
  const others = locked.filter((url) => !(isNamed && isPublicUrl(`${url}/`)));
  return { urls: unique([index ?? PUBLIC_INDEX, ...extras, ...others]), isNamed };
}

function unique(urls: readonly string[]): string[] {
  return [...new Set(urls.map((url) => url.replace(/\/+$/, "")))];
}
