// What runs in the sandbox to make a Node application, as bash and as programs of Node. Texts alone: nothing runs here.

import type { NodeStart } from "./node-start.ts";

/** npm and what it brings along, where its package is in a build. */
const NPM_MODULES = "/usr/local/lib/node_modules/npm/node_modules";

/** Runs the install scripts of the packages that `allowed` names, each in its directory, as npm would. */
const RUN_INSTALL_SCRIPTS = `
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const runScript = require("${NPM_MODULES}/@npmcli/run-script");
const allowed = new Set(JSON.parse(process.env.allowed));

function* packages(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isDirectory()) continue;
    const path = join(directory, entry.name);
    if (entry.name === "node_modules") {
      for (const item of readdirSync(path, { withFileTypes: true })) {
        if (item.isDirectory() && item.name.startsWith("@")) yield* named(join(path, item.name));
      }
      yield* named(path);
    }
    yield* packages(path);
  }
}

function* named(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    try {
      if (entry.isDirectory() && allowed.has(JSON.parse(readFileSync(join(path, "package.json"), "utf8")).name)) yield path;
    } catch {}
  }
}

(async () => {
  for (const path of [...new Set(packages("."))].sort()) {
    for (const event of ["preinstall", "install", "postinstall"]) {
      await runScript({ event, path: join(process.cwd(), path), stdio: "inherit", banner: true });
    }
  }
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
`;

/** The environment in which npm and node-gyp find all that they need without a network. */
const NPM_ENVIRONMENT = `
export HOME=$NIX_BUILD_TOP/home CI=true
export npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
export npm_config_cache=$HOME/.npm npm_config_nodedir=$nodedir npm_config_manage_package_manager_versions=false
export npm_config_jobs=$NIX_BUILD_CORES JOBS=$NIX_BUILD_CORES
mkdir -p $HOME
`;

/**
 * `$modules` with the results of allowed install scripts; of what compiling leaves behind only the addons stay, which are
 * the same in each build.
 */
export const BUILD_MODULES = `${NPM_ENVIRONMENT}
cp -rT $modules work
chmod -R u+w work
cd work
cat > ../run.cjs <<'END'
${RUN_INSTALL_SCRIPTS}END
node ../run.cjs
find . -type f -name binding.gyp -printf '%h/build\\n' | while IFS= read -r made; do
  [ -d "$made" ] || continue
  rm -rf "$made"/Makefile "$made"/*.mk "$made"/config.gypi "$made"/gyp-mac-tool "$made"/*/obj "$made"/*/obj.target "$made"/*/.deps
  find "$made" -type f '(' -name '*.o' -o -name '*.a' -o -name '*.d' ')' -delete
done
cd ..
cp -rT work $out
`;

/** `$modules` as it is: what was built of it needs nothing that it was built with. */
export const COPY_MODULES = "cp -rT $modules $out\n";

/** The project in `$src` with what its script `$script` makes, without node_modules. */
export const BUILD_PROJECT = `${NPM_ENVIRONMENT}
cp -rT $src project
chmod -R u+w project
if [ -n "$modules" ]; then
  cp -rT $modules project
  chmod -R u+w project
fi
cd project
$manager run $script
cd ..
find project -type d -name node_modules -prune -exec rm -rf '{}' +
rm -rf project/.npmrc
cp -rT project $out
`;

/**
 * The application in `$out`: its files in `app`, with node_modules that lead to `$modules`; its commands in `bin`.
 *
 * A package finds others by walking up from its real path: `$modules` holds directories named node_modules. Where
 * packages of the project itself are linked, a node_modules has one link for each package instead.
 */
export const ASSEMBLE = `
mkdir -p $out/bin
if [ ! -s "$filesPath" ]; then
  cp -rT $tree $out/app
else
  mkdir $out/app
  shopt -s globstar dotglob nullglob extglob
  cd $tree
  while IFS= read -r pattern; do
    IFS=
    case $pattern in
      !*) (cd $out/app && rm -rf -- \${pattern#!}) ;;
      *) for file in $pattern; do cp -r --parents -- "$file" $out/app; done ;;
    esac
    unset IFS
  done < "$filesPath"
  shopt -u globstar dotglob nullglob extglob
  cd $NIX_BUILD_TOP
fi
chmod -R u+w $out/app

link() {
  if [ -z "$(find "$1" -maxdepth 2 -xtype l -print -quit)" ]; then
    ln -s "$1" "$2"
    return
  fi
  mkdir "$2"
  local entry
  for entry in "$1"/* "$1"/.[!.]*; do
    if [ -L "$entry" ]; then cp -P "$entry" "$2/"
    elif [ ! -e "$entry" ]; then :
    elif [[ \${entry##*/} == @* ]]; then link "$entry" "$2/\${entry##*/}"
    else ln -s "$entry" "$2/\${entry##*/}"
    fi
  done
}
if [ -n "$modules" ]; then
  (cd $modules && find . -type d -name node_modules -prune -print) | while IFS= read -r directory; do
    [ -d "$out/app/\${directory%/*}" ] || continue
    link "$modules/\${directory#./}" "$out/app/$directory"
  done
fi

while IFS='	' read -r file what; do
  [ -f "$out/app/$file" ] && continue
  echo "$what is to start $file, and there is no such file in the application" >&2
  [ -s "$filesPath" ] && echo "package.json's files leaves it out, or it is not made by the build" >&2
  exit 1
done < "$startsPath"
while IFS='	' read -r name encoded; do
  echo "$encoded" | base64 -d > "$out/bin/$name"
  chmod 755 "$out/bin/$name"
done < "$commandsPath"
`;

/**
 * A program that becomes what it starts: without a shell, with the main module that Node would have.
 *
 * @param node Absolute path of Node.
 */
export function formatCommand(node: string, { variables, flags, file, args }: NodeStart): string {
  // A first line can hold one argument; env splits several.
  const first =
    flags.length > 1 ? `/usr/bin/env -S ${[node, ...flags].join(" ")}` : [node, ...flags].join(" ");
  const set = Object.entries(variables).map(
    ([name, value]) => `process.env[${JSON.stringify(name)}] = ${JSON.stringify(value)};\n`,
  );
  const insert =
    args.length === 0
      ? ""
      : `process.argv.splice(2, 0, ${args.map((arg) => JSON.stringify(arg)).join(", ")});\n`;
  return `#!${first}
${set.join("")}process.argv[1] = require("node:path").join(__dirname, ${JSON.stringify(`../app/${file}`)});
${insert}require("node:module").runMain();
`;
}
