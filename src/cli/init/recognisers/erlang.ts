// A project of rebar3.

import type { Recogniser } from "../recogniser.ts";

export const recogniser: Recogniser = {
  rank: 11,
  recognise(directory) {
    const text = directory.read("rebar.config");
    if (text === undefined) return undefined;
    const [, release] = /\{\s*release\s*,\s*\{\s*'?([a-z][\w@]*)'?\s*,/.exec(text) ?? [];
    return {
      what: `an Erlang project${release === undefined ? "" : ` with the release ${release}`}`,
      name: release?.replaceAll("_", "-"),
      imports: ["path", "rebar3Release"],
      setup: ['const app = rebar3Release({ src: path(".") });'],
      config: { Entrypoint: "app.entrypoint", Env: "app.env" },
      unprivileged: false,
    };
  },
};
