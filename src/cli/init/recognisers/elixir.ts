// A project of Mix.

import type { Recogniser } from "../recogniser.ts";

export const recogniser: Recogniser = {
  rank: 10,
  recognise(directory) {
    const text = directory.read("mix.exs");
    if (text === undefined) return undefined;
    const [, app] = /\bapp:\s*:([a-z_][a-z0-9_]*)/.exec(text) ?? [];
    const [, releases = ""] = /\breleases:\s*\[([\s\S]*)/.exec(text) ?? [];
    const [, named] = /^\s*([a-z_][a-z0-9_]*):/.exec(releases) ?? [];
    const release = named ?? app ?? "app";
    return {
      what: `an Elixir project with the release ${release}`,
      name: app?.replaceAll("_", "-"),
      imports: ["mixRelease", "path"],
      setup: [`const app = mixRelease({ src: path("."), release: ${JSON.stringify(release)} });`],
      config: { Entrypoint: "app.entrypoint", Env: "app.env" },
      unprivileged: false,
    };
  },
};
