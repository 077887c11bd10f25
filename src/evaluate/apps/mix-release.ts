// `mixRelease()`: an Elixir project → its release, built by `mix release` in the sandbox. Source: Mix.Tasks.Release,
// Mix.Release; Elixir 1.14 to 1.18.

import { parseMixLock } from "../../formats/hex/locked-package.ts";
import { checkOptions } from "../../model/options.ts";
import { writeText } from "../trivial-builders.ts";
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
import { MIX_EXTENSION } from "./mix-extension.ts";
import { openProject, quoteWord, readProjectText } from "./project.ts";

/** An Elixir project and how its release is made. */
export interface MixReleaseOptions extends BeamReleaseOptions {
  /** The name of the release in mix.exs; without `releases` there, that of the application. */
  readonly release: string;
}

/** Made anew in every build, or read by nobody but Tare. */
const EXCLUDED = ["_build", "deps", ".elixir_ls", ".fetch", "erl_crash.dump", "cover"];

/**
 * Builds the release of an Elixir project with Debian's Elixir and Erlang, from mix.exs and mix.lock; the packages of the
 * lock are fetched and known by their checksums.
 *
 * The release has its own Erlang run-time system. It is one node: no other node can find it, and there is no cookie in the
 * image, unless rel/env.sh.eex sets RELEASE_DISTRIBUTION to `name` or `sname`; then RELEASE_COOKIE comes from the
 * environment of the container, or is random at each start.
 *
 * @throws {OptionError} `BAD_OPTION`, `UNKNOWN_OPTION`; {AppError} `PROJECT_MISSING`, `CHECKSUM_MISSING`,
 *   `DEPENDENCY_UNSUPPORTED`; {FormatError} `BAD_TERM`.
 *
 * @example
 * const app = mixRelease({ src: ".", release: "demo" });
 * export default buildLayeredImage({
 *   name: "demo",
 *   config: { Entrypoint: [`${app}/bin/demo`, "start"] },
 * });
 */
export function mixRelease(options: MixReleaseOptions): BeamRelease<MixReleaseOptions> {
  checkOptions("mixRelease()", options, {
    ...BEAM_RELEASE_OPTIONS,
    release: { expected: "a name", accepts: () => true },
  });
  const { release, start = "script" } = options;
  checkReleaseName("mixRelease()", release);
  const project = openProject("mixRelease()", options.src, EXCLUDED);
  if (readProjectText(project, "mix.exs") === undefined) {
    throw new AppError(
      "PROJECT_MISSING",
      `Cannot make a release of ${project.directory}: it has no mix.exs`,
      {
        hint: "src is the directory of the Mix project",
      },
    );
  }
  const lock = parseMixLock(readProjectText(project, "mix.lock") ?? "%{}", "mix.lock");
  const usesRebar = lock.packages.some(
    ({ managers }) => managers.includes("rebar3") && !managers.includes("mix"),
  );
  const node = describeRelease(options, {
    name: release.replaceAll("_", "-"),
    tools: usesRebar ? ["elixir", "rebar3"] : ["elixir"],
    build: [
      `export MIX_HOME="$HOME/mix" MIX_ENV="\${MIX_ENV:-prod}" MIX_REBAR3=/usr/bin/rebar3 HEX_OFFLINE=1`,
      `cp -r ${project.source} "$NIX_BUILD_TOP/work"`,
      'chmod -R u+w "$NIX_BUILD_TOP/work"',
      'cd "$NIX_BUILD_TOP/work"',
      unpackPackages(lock, { name: "mix.lock", command: "mix deps.get" }, "deps", options.hex),
      `elixir -r ${writeText("mix-extension.exs", MIX_EXTENSION)} -S mix tare.release ${release} --path "$out" --overwrite`,
      ...(options.strip === false || options.keep !== undefined ? [UNSTRIPPED] : []),
    ].join("\n"),
    finish: start === "direct" ? startDirectly(release) : ENVIRONMENT,
  });
  return createRelease(node, options, mixRelease, (out) =>
    start === "direct"
      ? {
          entrypoint: [
            `${out}/bin/${release}`,
            "-args_file",
            `${out}/releases/start.args`,
            "-extra",
            "--no-halt",
          ],
          env: { ROOTDIR: out, BINDIR: `${out}/erts/bin`, EMU: "beam", PROGNAME: release, LANG: "C.UTF-8" },
        }
      : { entrypoint: [`${out}/bin/${release}`, "start"], env: { LANG: "C.UTF-8" } },
  );
}

/** Mix has stripped the modules already, by its own choice of chunks: those that were compiled take their places. */
const UNSTRIPPED = `
for module in "$out"/lib/*/ebin/*.beam "$out"/releases/*/consolidated/*.beam; do
  application=\${module%/ebin/*}
  application=\${application##*/}
  for original in "_build/$MIX_ENV/lib/\${application%-*}/ebin/\${module##*/}" \\
    "_build/$MIX_ENV"/lib/*/consolidated/"\${module##*/}" \\
    /usr/lib/elixir/lib/"\${application%-*}/ebin/\${module##*/}" \\
    /usr/lib/erlang/lib/"$application/ebin/\${module##*/}"; do
    case "$module" in
      */consolidated/*) [[ $original = */consolidated/* ]] || continue ;;
      *) [[ $original != */consolidated/* ]] || continue ;;
    esac
    if [ -f "$original" ]; then
      cp --no-preserve=mode "$original" "$module"
      break
    fi
  done
done`;

/** Before what the project says itself, which may say otherwise. The store cannot be written to: what is temporary goes elsewhere. */
const ENVIRONMENT = `
for file in releases/*/env.sh; do
  {
    echo '#!/bin/sh'
    echo 'LANG="\${LANG:-C.UTF-8}" RELEASE_TMP="\${RELEASE_TMP:-/tmp}"'
    echo 'export LANG'
    echo 'RELEASE_COOKIE="\${RELEASE_COOKIE:-$(printf %s $(od -An -N24 -tx4 /dev/urandom))}"'
    is_distributed || echo 'RELEASE_DISTRIBUTION="\${RELEASE_DISTRIBUTION:-none}"'
    sed '1{/^#!/d}' "$file"
  } >"$file.new"
  mv "$file.new" "$file"
done`;

/** Takes applications of the type `none`, which are loaded and not started, out of the boot file and the release. */
const UNLOAD = `#!/usr/bin/env escript
-mode(compile).
main([Directory]) ->
    [Rel] = filelib:wildcard(filename:join(Directory, "*.rel")),
    {ok, [{release, _, _, Applications}]} = file:consult(Rel),
    Unused = [{Name, atom_to_list(Name) ++ "-" ++ Version} || {Name, Version, none} <- Applications],
    Boot = filename:join(Directory, "start.boot"),
    {ok, Bytes} = file:read_file(Boot),
    {script, Id, Commands} = binary_to_term(Bytes),
    Kept = lists:foldl(fun unload/2, Commands, Unused),
    ok = file:write_file(Boot, term_to_binary({script, Id, Kept})),
    [ok = file:del_dir_r(filename:join("lib", Folder)) || {_, Folder} <- Unused].

unload({Name, Folder}, Commands) ->
    Files = filelib:wildcard(filename:join(["lib", Folder, "ebin", "*.beam"])),
    Modules = [list_to_atom(filename:basename(File, ".beam")) || File <- Files],
    lists:filtermap(fun(Command) -> change(Command, Name, Folder, Modules) end, Commands).

change({primLoad, Modules}, _, _, Gone) -> {true, {primLoad, Modules -- Gone}};
change({path, Paths}, _, Folder, _) -> {true, {path, [P || P <- Paths, string:find(P, "/" ++ Folder ++ "/") =:= nomatch]}};
change({apply, {application, load, [{application, Name, _}]}}, Name, _, _) -> false;
change({apply, {application, start_boot, [Name | _]}}, Name, _, _) -> false;
change(_, _, _, _) -> true.
`;

/**
 * What the start script would do at each start is done once: the arguments are in a file. Applications that are only
 * there to be loaded by hand go with the shell that they are for.
 */
function startDirectly(release: string): string {
  return `
version=$(cut -d' ' -f2 releases/start_erl.data)
cat >"$NIX_BUILD_TOP/unload" <<'END'
${UNLOAD}END
escript "$NIX_BUILD_TOP/unload" "releases/$version"
ln -s erts-* erts
rm -rf bin releases/*/{elixir,iex,env.sh,remote.vm.args,start_clean.boot} erts-*/bin/{epmd,erl_call}
mkdir bin
ln -s ../erts/bin/erlexec bin/${quoteWord(release)}
cat >releases/start.args <<END
-noshell -s elixir start_cli -mode embedded
-env RELEASE_ROOT $out -env RELEASE_NAME ${release} -env RELEASE_VSN $version -env RELEASE_COMMAND start
-env RELEASE_MODE embedded -env RELEASE_DISTRIBUTION none -env RELEASE_SYS_CONFIG $out/releases/$version/sys
-env RELEASE_NODE ${release} -env RELEASE_PROG ${release} -env RELEASE_TMP /tmp
-config $out/releases/$version/sys -boot $out/releases/$version/start -boot_var RELEASE_LIB $out/lib
-args_file $out/releases/$version/vm.args
END`;
}
