// The functions for applications, as image.ts calls them. What they read projects with (parsers of every world's
// manifests) is loaded when one is called: for an image without any, loading it would take longer than building.

import { requireModule } from "../platform/discover.ts";

const APPS = new URL("./apps/", import.meta.url);

/** A function of a module in apps/ that loads its module when it is called. */
function deferred<Name extends string, F extends (options: never) => unknown>(module: string, name: Name): F {
  const call = (options: never) => requireModule<Readonly<Record<Name, F>>>(APPS, module)[name](options);
  return call as F;
}

/** A Go module → its program. */
export const goBinary: typeof import("./apps/go-binary.ts").goBinary = deferred("go-binary", "goBinary");

/** A Mix project → its release. */
export const mixRelease: typeof import("./apps/mix-release.ts").mixRelease = deferred(
  "mix-release",
  "mixRelease",
);

/** A Node project → the application with what its lock pins. */
export const nodeApp: typeof import("./apps/node-app.ts").nodeApp = deferred("node-app", "nodeApp");

/** A Python project → an environment that it is installed in. */
export const pythonApp: typeof import("./apps/python-app.ts").pythonApp = deferred("python-app", "pythonApp");

/** Pinned distributions → an environment that they are installed in. */
export const pythonEnv: typeof import("./apps/python-env.ts").pythonEnv = deferred("python-env", "pythonEnv");

/** A rebar3 project → its release. */
export const rebar3Release: typeof import("./apps/rebar3-release.ts").rebar3Release = deferred(
  "rebar3-release",
  "rebar3Release",
);

/** A Cargo project → its program. */
export const rustBinary: typeof import("./apps/rust-binary.ts").rustBinary = deferred(
  "rust-binary",
  "rustBinary",
);
