// `rebar3Release()`: an Erlang project → its release, built by `rebar3 release` in the sandbox. Source: rebar3.org,
// "Releases" and "Dependencies"; relx 4.

import { parseErlangTerms } from "../../formats/hex/erlang-terms.ts";
import { type HexLock, parseRebarLock } from "../../formats/hex/locked-package.ts";
import { itemsOf, nameOfTerm, type Term, taggedItems } from "../../formats/hex/term.ts";
import { checkOptions } from "../../model/options.ts";
import { didYouMean } from "../../model/suggest.ts";
import {
  BEAM_RELEASE_OPTIONS,
  type BeamRelease,
  type BeamReleaseOptions,
  checkReleaseName,
  createRelease,
  describeRelease,
} from "./beam-release.ts";
import { AppError } from "./errors.ts";
import { unpackPackages } from "./hex-packages.ts";
import { openProject, type Project, readProjectText } from "./project.ts";

/** An Erlang project and how its release is made. */
export interface Rebar3ReleaseOptions extends BeamReleaseOptions {
  /** The name of the release in rebar.config. Default: the first there. */
  readonly release?: string;
}

/** Made anew in every build. */
const EXCLUDED = ["_build", "_checkouts", "erl_crash.dump", "rebar3.crashdump"];

/**
 * Builds the release of an Erlang project with Debian's Erlang and rebar3, from rebar.config and rebar.lock; the packages
 * of the lock are fetched and known by their checksums.
 *
 * The release has its own Erlang run-time system. It is started directly unless `start` is `script`: relx's script always
 * makes a node that others can find, and needs a port mapper and a shell for it. Cookies are taken out of vm.args.
 *
 * @throws {OptionError} `BAD_OPTION`, `UNKNOWN_OPTION`; {AppError} `PROJECT_MISSING`, `RELEASE_UNKNOWN`, `LOCK_OUT_OF_DATE`,
 *   `CHECKSUM_MISSING`, `DEPENDENCY_UNSUPPORTED`; {FormatError} `BAD_TERM`.
 *
 * @example
 * const app = rebar3Release({ src: "." });
 * export default buildLayeredImage({
 *   name: "hello",
 *   config: { Entrypoint: app.entrypoint, Env: app.env },
 * });
 */
export function rebar3Release(options: Rebar3ReleaseOptions): BeamRelease<Rebar3ReleaseOptions> {
  checkOptions("rebar3Release()", options, {
    ...BEAM_RELEASE_OPTIONS,
    release: { expected: "a name", accepts: () => true },
  });
  const { start = "direct" } = options;
  const project = openProject("rebar3Release()", options.src, EXCLUDED);
  const config = readConfig(project);
  const release = chooseRelease(project, config, options.release);
  const lockText = readProjectText(project, "rebar.lock");
  const lock = parseRebarLock(lockText ?? "[].", "rebar.lock");
  checkLock(config, lock, lockText !== undefined);
  const node = describeRelease(
    { ...options, start },
    {
      name: release.replaceAll("_", "-"),
      tools: ["rebar3"],
      build: [
        'export REBAR_OFFLINE=1 REBAR_CACHE_DIR="$HOME/rebar3" REBAR_COLOR=none',
        `cp -r ${project.source} "$NIX_BUILD_TOP/work"`,
        'chmod -R u+w "$NIX_BUILD_TOP/work"',
        'cd "$NIX_BUILD_TOP/work"',
        // Where rebar3 takes what is there for what it needs, without asking anybody for more.
        unpackPackages(lock, { name: "rebar.lock", command: "rebar3 lock" }, "_checkouts", options.hex),
        `rebar3 as prod release -n ${release} --include-erts true --dev-mode false`,
        `cp -rL _build/prod/rel/${release} "$out"`,
      ].join("\n"),
      finish: start === "direct" ? startDirectly(release) : "rm -f bin/install_upgrade.escript",
    },
  );
  return createRelease(node, options, rebar3Release, (out) =>
    start === "direct"
      ? {
          entrypoint: [`${out}/bin/${release}`, "-args_file", `${out}/releases/start.args`],
          env: { ROOTDIR: out, BINDIR: `${out}/erts/bin`, EMU: "beam", PROGNAME: release, LANG: "C.UTF-8" },
        }
      : { entrypoint: [`${out}/bin/${release}`, "foreground"], env: { LANG: "C.UTF-8" } },
  );
}

function readConfig(project: Project): readonly Term[] {
  const text = readProjectText(project, "rebar.config");
  if (text !== undefined) return parseErlangTerms(text, "rebar.config");
  throw new AppError(
    "PROJECT_MISSING",
    `Cannot make a release of ${project.directory}: it has no rebar.config`,
    {
      hint: "src is the directory of the rebar3 project",
    },
  );
}

/** The value of `{NAME, VALUE}` among terms; the last counts. */
function findOption(terms: readonly Term[], name: string): Term | undefined {
  return terms.findLast((term) => taggedItems(term, name) !== undefined && itemsOf(term).length === 2);
}

function chooseRelease(project: Project, config: readonly Term[], wanted: string | undefined): string {
  const relx = itemsOf(itemsOf(findOption(config, "relx"))[1]);
  const names = relx.flatMap((term) => {
    const items = taggedItems(term, "release");
    if (items === undefined) return [];
    return nameOfTerm(items[1]?.type === "tuple" ? items[1].items[0] : items[1]) ?? [];
  });
  const chosen = wanted ?? names[0];
  if (chosen !== undefined && names.includes(chosen)) {
    checkReleaseName("rebar3Release()", chosen);
    return chosen;
  }
  const what = chosen === undefined ? "a release" : `the release ${chosen}`;
  const others = names.length === 0 ? "has none" : `has ${names.join(", ")}`;
  throw new AppError(
    "RELEASE_UNKNOWN",
    `Cannot make ${what} of ${project.directory}: relx in rebar.config ${others}`,
    {
      hint:
        names.length === 0
          ? 'Add {relx, [{release, {NAME, "0.1.0"}, [APPLICATION]}]}. to rebar.config'
          : didYouMean(chosen ?? "", names) || "Give the name of one of them",
    },
  );
}

/** Every dependency of rebar.config must be in the lock, and in the version that is asked for exactly. */
function checkLock(config: readonly Term[], lock: HexLock, exists: boolean): void {
  const hint = "Run rebar3 unlock --all && rebar3 lock, and commit rebar.lock";
  const locked = new Map(lock.packages.map(({ application, version }) => [application, version]));
  const others = new Set(lock.others.map(({ application }) => application));
  for (const dependency of itemsOf(itemsOf(findOption(config, "deps"))[1])) {
    const name = nameOfTerm(dependency) ?? nameOfTerm(itemsOf(dependency)[0]) ?? "";
    const asked = itemsOf(dependency)[1];
    const version = locked.get(name);
    if (version === undefined && !others.has(name)) {
      const why = exists ? `it does not pin ${name}` : "there is none";
      throw new AppError("LOCK_OUT_OF_DATE", `Cannot use rebar.lock: ${why}, which rebar.config asks for`, {
        hint,
      });
    }
    const exact = asked?.type === "text" && /^\d+\.\d+\.\d+\S*$/.test(asked.text) ? asked.text : undefined;
    if (exact !== undefined && version !== undefined && exact !== version) {
      throw new AppError(
        "LOCK_OUT_OF_DATE",
        `Cannot use rebar.lock: it pins ${name} ${version}, rebar.config asks for ${exact}`,
        { hint },
      );
    }
  }
}

/** Of relx's script only what it says to the launcher stays, in a file; nodes have no names. */
function startDirectly(release: string): string {
  return `
version=$(cut -d' ' -f2 releases/start_erl.data)
config=
if [ -f "releases/$version/sys.config" ]; then config="-config $out/releases/$version/sys"; fi
if compgen -G "releases/$version/*.src" >/dev/null; then
  echo 'vm.args.src and sys.config.src are filled in by the start script: give start: "script", or use plain files' >&2
  exit 1
fi
ln -s erts-* erts
rm -rf bin releases/RELEASES releases/*/{start_clean,no_dot_erlang}.boot erts-*/bin/{epmd,erl_call}
mkdir bin
ln -s ../erts/bin/erlexec bin/${release}
arguments=
if [ -f "releases/$version/vm.args" ]; then
  sed -i -E '/^[[:space:]]*-s?name[[:space:]]/d' "releases/$version/vm.args"
  arguments="-args_file $out/releases/$version/vm.args"
fi
boot="$out/releases/$version/${release}"
if [ ! -f "$boot.boot" ]; then boot="$out/releases/$version/start"; fi
cat >releases/start.args <<END
-noinput +Bd -mode embedded -boot $boot -boot_var SYSTEM_LIB_DIR $out/lib
-env RELEASE_NAME ${release} -env RELEASE_VSN $version -env RELEASE_ROOT_DIR $out
$config
$arguments
END`;
}
