// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell text

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { CommandOutcome, ScriptCommand, ScriptFileStatus, ScriptWorld } from "./maintainer-script.ts";
import { FAILURE, followScript, SUCCESS, UNKNOWN } from "./maintainer-script.ts";

interface Surroundings {
  /** Text by path; directories end in `/`; null: content not known. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly commands?: Readonly<Record<string, CommandOutcome>>;
}

/** Follows a script and lists what it reaches: `name args`, with `?` behind what is not certain or not known. */
function follow(
  script: string,
  { files = {}, commands = {} }: Surroundings = {},
  args = ["configure", ""],
): string[] {
  const reached: string[] = [];
  const status = (path: string): ScriptFileStatus | "unknown" | undefined => {
    if (path.startsWith("/proc")) return "unknown";
    if (`${path}/` in files) return { type: "directory", mode: 0o755, size: 0 };
    const text = files[path];
    return text === undefined ? undefined : { type: "file", mode: 0o755, size: text?.length ?? 1 };
  };
  const world: ScriptWorld = {
    status,
    readFile: (path) => files[path],
    listDirectory: (path) =>
      Object.keys(files)
        .filter((file) => file.startsWith(`${path}/`))
        .map((file) => file.slice(path.length + 1)),
    writeFile: (path, text, how) =>
      void reached.push(
        `${how.append ? ">>" : ">"} ${path} ${JSON.stringify(text)}${how.certain ? "" : "?"}`,
      ),
    hasCommand: (name) => name in commands,
    run: (command: ScriptCommand) => {
      const words = command.args.map((arg) => arg.text + (arg.known ? "" : "?"));
      reached.push(`${command.certain ? "" : "? "}${[command.name, ...words].join(" ")}`);
      return commands[command.name] ?? UNKNOWN;
    },
    skip: (line, reason) => void reached.push(`skip ${line}: ${reason}`),
  };
  followScript(script, { name: "/postinst", args, environment: { DPKG_ROOT: "" } }, world);
  return reached;
}

const CASES: readonly {
  readonly summary: string;
  readonly script: string;
  readonly around?: Surroundings;
  readonly expected: readonly string[];
}[] = [
  {
    summary: "takes the branch for configure",
    script: 'if [ "$1" = configure ]; then a; else b; fi\ncase "$1" in remove) c;; conf*|x) d;; *) e;; esac',
    expected: ["a", "d"],
  },
  {
    summary: "knows that the old version is empty",
    script: '[ -n "$2" ] && a\n[ -z "$2" ] && b',
    expected: ["b"],
  },
  {
    summary: "expands variables, also into several words",
    script: 'A="x y"; b $A; b "$A"; b ${A}z ${A%% *} ${#A} ${B:-d} ${A:+e}',
    expected: ["b x y", "b x y", "b x yz x 3 d e"],
  },
  { summary: "keeps fields that are empty and quoted", script: 'a "" $B "$B"', expected: ["a  "] },
  { summary: "follows for loops", script: "for x in a b; do c $x; done", expected: ["c a", "c b"] },
  {
    summary: "leaves loops",
    script:
      "for x in a b c; do [ $x = b ] && break; d $x; done\nfor x in a b; do [ $x = a ] && continue; e $x; done",
    expected: ["d a", "e b"],
  },
  {
    summary: "calls functions with arguments, locals and return",
    script: 'f() { local a="$1"; [ "$a" = x ] || return 1; g "$a" "$#"; }\na=1\nf x y && h $a\nf z || i',
    around: { commands: { g: SUCCESS } },
    expected: ["g x 2", "h 1", "i"],
  },
  {
    summary: "looks at files",
    script: "[ -e /a ] && b; [ -d /c ] && d; test -f /none || e; [ ! -x /a ] || f; [ -s /a -a -d /c ] && g",
    around: { files: { "/a": "1", "/c/": "" } },
    expected: ["b", "d", "e", "f", "g"],
  },
  {
    summary: "takes commands that the world knows as installed",
    script: 'command -v a >/dev/null && b; which none && c; [ -x "$(command -v a)" ] || d',
    around: { commands: { a: SUCCESS }, files: { "/usr/bin/a": "" } },
    expected: ["b"],
  },
  {
    summary: "goes both ways when a condition is not known",
    script: "if q; then a; else b; fi; c",
    expected: ["q", "? a", "? b", "c"],
  },
  {
    summary: "goes on behind an exit that is not certain",
    script: "q || exit 1; a; false || exit 1; b",
    expected: ["q", "a"],
  },
  {
    summary: "forgets a variable that two ways set differently",
    script: "if q; then A=1; B=2; else A=3; B=2; fi; c $A $B",
    expected: ["q", "c ${A}? 2"],
  },
  {
    summary: "takes a default that a script sets when a value is not known",
    script: 'A=$(q); [ -n "$A" ] || A=dflt; c $A',
    expected: ["q", "c dflt"],
  },
  {
    summary: "passes on what is not known",
    script: 'A="/x/$(q)"; b "$A/y"',
    expected: ["q", "b /x/$(...)/y?"],
  },
  {
    summary: "skips a case over what is not known",
    script: "A=$(q); case $A in x) b;; esac; c",
    expected: ["q", "skip 1: a case depends on $(...), which is not known", "c"],
  },
  {
    summary: "computes pipes of text tools",
    script:
      "for p in m.conf:50-m.conf; do f=$(echo $p | cut -d: -f1); t=`echo $p|cut -d: -f2`; ln $f $t; done",
    expected: ["ln m.conf 50-m.conf"],
  },
  {
    summary: "reads lines of files and here-documents",
    script: 'while read a b; do c $a "$b"; done < /f\nwhile read a; do d $a; done <<E\nx\n$1\nE',
    around: { files: { "/f": "1 2 3\n4\n" } },
    expected: ["c 1 2 3", "c 4 ", "d x", "d configure"],
  },
  {
    summary: "writes files",
    script: "cat > /a <<E\nx $1\nE\necho b >> /a\n: > /c\nq > /d\necho e >&2\necho f > /dev/null",
    expected: ['> /a "x configure\\n"', '>> /a "b\\n"', '> /c ""', "q", "> /d undefined"],
  },
  {
    summary: "expands patterns over files",
    script: "a /d/*.c /none/* '/d/*'",
    around: { files: { "/d/": "", "/d/x.c": "", "/d/y.c": "", "/d/z.h": "" } },
    expected: ["a /d/x.c /d/y.c /none/* /d/*"],
  },
  {
    summary: "reads files that it sources, whose functions give way to the world's commands",
    script: ". /lib; known_one a; own b",
    around: { files: { "/lib": "known_one() { x; }\nown() { y $1; }\n" }, commands: { known_one: SUCCESS } },
    expected: ["known_one a", "y b"],
  },
  {
    summary: "keeps what happens in a subshell there",
    script: "A=1; (A=2; a $A; exit 3); b $A $?; cd /x; (cd /y); q > f",
    expected: ["a 2", "b 1 3", "q", "> /x/f undefined"],
  },
  {
    summary: "gives the status of what failed",
    script: "no || A=$?; b $A",
    around: { commands: { no: { status: 9, output: "" } } },
    expected: ["no", "b 9"],
  },
  {
    summary: "evaluates eval and set",
    script: 'set -- a \'b c\'; eval "d $1"; e "$@"; shift; f "$1" $#',
    expected: ["d a", "e a b c", "f b c 1"],
  },
  { summary: "calculates", script: "A=2; a $((A + 3)) $(($A*4)) $(expr $A - 1)", expected: ["a 5 8 1"] },
  { summary: "does not expand what is single-quoted", script: "a '$1' \"\\$1\"", expected: ["a $1 $1"] },
  {
    summary: "takes prefixes off patterns inside double quotes",
    script: 'A="#x"; a "${A#\\#}" "${A%x}"',
    expected: ["a x #"],
  },
  { summary: "knows nothing of /proc", script: "[ -e /proc/x ] && a", expected: ["? a"] },
  {
    summary: "reads [[",
    script: "[[ $1 == conf* && ! -e /x ]] && a; [[ $1 =~ ^c.*e$ ]] && b",
    expected: ["a", "b"],
  },
  {
    summary: "says what cannot be parsed",
    script: "if a",
    expected: ["skip 1: the script cannot be parsed: the end of the script is not expected here"],
  },
  {
    summary: "sets what a command sets",
    script: 'db_get x; [ "$RET" = yes ] && a',
    around: { commands: { db_get: { ...SUCCESS, variables: { RET: { text: "yes", known: true } } } } },
    expected: ["db_get x", "a"],
  },
  { summary: "stops where the script does", script: "a; exit 0; b", expected: ["a"] },
];

for (const { summary, script, around, expected } of CASES) {
  test(summary, () => assert.deepEqual(follow(script, around), expected));
}

test("does not follow a script that never ends", () => {
  const reached = follow("while true; do :; done; a");
  assert.match(reached[0]!, /takes more than \d+ steps/);
  assert.match(follow("f() { f; }; f")[0]!, /call each other too deeply/);
});

test("tells whether a command is asked or told", () => {
  const asked: string[] = [];
  const none = () => undefined;
  followScript(
    "a; if b; then :; fi; x=$(c); d || e",
    { name: "x", args: [], environment: {} },
    {
      status: none,
      readFile: none,
      listDirectory: () => [],
      writeFile: none,
      hasCommand: () => false,
      run: (command) => {
        asked.push(command.name + (command.asked ? " asked" : ""));
        return FAILURE;
      },
      skip: none,
    },
  );
  assert.deepEqual(asked, ["a", "b asked", "c asked", "d", "e"]);
});

const FIXTURES = join(import.meta.dirname, "../../test/fixtures/maintainer-scripts");
const absent: CommandOutcome = { status: 2, output: "" };

test("memcached's postinst", () => {
  const script = readFileSync(join(FIXTURES, "memcached.postinst"), "latin1");
  assert.deepEqual(follow(script, { commands: { getent: absent, addgroup: SUCCESS, adduser: SUCCESS } }), [
    "getent group memcache",
    "addgroup --system memcache",
    "getent passwd memcache",
    "adduser --system --disabled-login --ingroup memcache --home /nonexistent --no-create-home --gecos Memcached --shell /bin/false memcache",
    "mkdir -p /etc",
    "cp /usr/share/memcached/memcached.conf.default /etc/memcached.conf",
  ]);
});

test("postgresql-common's postinst", () => {
  const script = readFileSync(join(FIXTURES, "postgresql-common.postinst"), "latin1");
  const reached = follow(script, {
    commands: { getent: absent, adduser: SUCCESS, install: SUCCESS, mkdir: SUCCESS },
  });
  assert.ok(reached.includes("install -d -m 2775 -o postgres -g postgres /var/run/postgresql"));
  assert.ok(reached.includes("? chown postgres:postgres /var/lib/postgresql"), "it depends on su");
  assert.ok(reached.includes("chmod 1775 /var/log/postgresql"));
  assert.ok(reached.some((one) => one.startsWith('> /etc/postgresql-common/root.crt "This is a dummy root')));
});

test("never throws and always ends, whatever the script is", () => {
  const words = [
    "if",
    "then",
    "else",
    "fi",
    "for x in a",
    "do",
    "done",
    "while",
    "case $1 in",
    "esac",
    "a)",
    ";;",
    "f() {",
    "}",
  ];
  const pieces = [
    "$(",
    ")",
    "${x#",
    "${x:-",
    "}",
    "'",
    '"',
    "\n",
    ";",
    "|",
    "||",
    "&&",
    "f",
    "read x",
    "[ -e",
    "]",
    "$1",
    "set --",
    "$@",
  ];
  const script = fc.array(fc.constantFrom(...words, ...pieces), { maxLength: 25 });
  fc.assert(
    fc.property(script, (parts) => {
      follow(parts.join(" "));
    }),
    { numRuns: 300 },
  );
});
