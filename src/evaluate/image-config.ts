// How an image runs: the configuration as users write it → as the OCI image specification has it.

import { compareStrings } from "../model/bytes.ts";
import type { ImageConfig, NormalizedImageConfig } from "../model/image-spec.ts";
import { ENVIRONMENT, NAME_SET, type Rule, TEXT, TEXT_RECORD, TEXTS } from "../model/options.ts";

export const CONFIG: Readonly<Record<keyof ImageConfig, Rule>> = {
  User: TEXT,
  ExposedPorts: NAME_SET,
  Env: ENVIRONMENT,
  Entrypoint: TEXTS,
  Cmd: TEXTS,
  Volumes: NAME_SET,
  WorkingDir: {
    expected: "an absolute path",
    accepts: (value) => TEXT.accepts(value) && String(value).startsWith("/"),
  },
  Labels: TEXT_RECORD,
  StopSignal: TEXT,
};

export function normalizeConfig(config: ImageConfig): NormalizedImageConfig {
  const { Env, ExposedPorts, Volumes, Labels, ...rest } = config;
  const given = {
    ...rest,
    Env: Array.isArray(Env)
      ? [...Env]
      : Env && Object.entries(Env).map(([name, value]) => `${name}=${value}`),
    ExposedPorts: toNameSet(ExposedPorts),
    Volumes: toNameSet(Volumes),
    Labels: Labels && sortedRecord(Object.entries(Labels)),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function toNameSet(set: ImageConfig["Volumes"]): Record<string, object> | undefined {
  if (set === undefined) return undefined;
  const names: string[] = Array.isArray(set) ? set : Object.keys(set);
  return sortedRecord(names.map((name) => [name, {}]));
}

function sortedRecord<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => compareStrings(a, b)));
}
