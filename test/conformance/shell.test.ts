// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell text
// Scripts of text tools only: what they print when they are followed is what /bin/sh prints.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { followScript, UNKNOWN } from "../../src/formats/maintainer-script.ts";
import { skipWithout } from "../kit/tools.ts";

/** What a script prints, by following it: its output goes to a file of the world. */
function follow(script: string): string | undefined {
  let output: string | undefined;
  followScript(
    `{ ${script}\n} > /output`,
    { name: "sh", args: ["configure", "", "c d"], environment: { HOME: "/root" } },
    {
      status: (path) => (path === "/etc" ? { type: "directory", mode: 0o755, size: 0 } : undefined),
      readFile: () => undefined,
      listDirectory: () => [],
      writeFile: (_, text) => {
        output = text;
      },
      hasCommand: () => false,
      run: () => UNKNOWN,
      skip: () => {},
    },
  );
  return output;
}

const SCRIPTS: readonly string[] = [
  'echo a b; echo "a   b"; echo -n x; echo; echo "tab\\tx"',
  "printf '%s|%5s|%-5s|%05d\\n' a b c 42; printf '%s\\n' x y z; printf 'no newline'",
  'for x in a "b c" $3 "$3"; do echo "<$x>"; done',
  'set -- 1 "2 3" ""; echo $#; for x in "$@"; do echo "[$x]"; done; for x in $@; do echo "{$x}"; done; echo "$*"',
  'A="/usr/share/doc/x.tar.gz"; echo ${A##*/} ${A#*/} ${A%.*} ${A%%.*} ${#A} ${A%/*}',
  'unset A; B=; echo "${A-1}${A:-2}${B-3}${B:-4}${A+5}${B+6}${B:+7}${A:=8}$A"',
  "A=a; f() { local A=b; echo $A $1; return 3; }; f x || echo $? $A",
  'case "x.conf" in *.d) echo d;; [a-w]*|x.c?nf) echo match;; *) echo other;; esac',
  'case "$1" in config*) echo yes;; esac; case "[x]" in "[x]") echo literal;; esac',
  "i=0; while [ $i -lt 4 ]; do i=$((i + 1)); [ $i = 2 ] && continue; echo $i; done",
  "until false; do echo once; break; done; for a in 1 2; do for b in 3 4; do [ $b = 4 ] && continue 2; echo $a$b; done; done",
  'printf "a:b:c\\nd:e\\n" | cut -d: -f2- | tr a-z A-Z | sort -r',
  'printf "x=1\\n# c\\ny = 2\\n" | sed -n -e "s/^\\([a-z]\\) *= *\\(.*\\)/\\2 \\1/p"',
  "printf 'a b\\nc  d\\n' | sed -E 's/ +/_/g; /^c/d'",
  'echo "one two" | { read a b; echo "$b $a"; }; echo "x y z" | while read a rest; do echo "$rest"; done',
  "cat <<EOF\n$1 `echo sub` $(echo sub2) \\$x\nEOF\ncat <<'EOF'\n$1 `x`\nEOF\ncat <<-EOF\n\t\ttabs\n\tEOF",
  'A=$(echo "a  b"; echo c); echo $A; echo "$A"; B=`echo \\`echo nested\\``; echo $B',
  "(A=1; exit 4); echo $?; { false; }; echo $?; ! true; echo $?; true && false || echo or",
  '[ -d /etc ] && echo dir; [ ! -e /none ] && echo none; [ a = a -a b != c ] && echo and; [ "" -o x ] && echo or; [ 2 -ge 10 ] || echo less',
  "basename /a/b.c .c; dirname /a/b; expr 3 + 4; expr length-ab : '.*-\\(.*\\)'; seq 2 4",
  'echo abc | grep -q b && echo found; printf "a1\\nb\\n" | grep -v "[0-9]"; printf "a\\na\\nb\\n" | uniq | wc -l',
  'eval "X=\\"a b\\""; echo "$X"; Y=X; eval "echo \\$$Y"',
  'IFS=:; A=a:b:c; for x in $A; do echo $x; done; IFS=" "; echo "x y" | while read p q; do echo $q; done',
  'echo \'single $1 "x"\'"\'"; echo "dq \\" \\$ \\\\ \\x"; echo a\\ b',
  'x=1; if [ $x = 2 ]; then echo a; elif [ $x = 1 ]; then echo b; else echo c; fi; echo "${3%d}" "$#"',
  'printf "b\\na\\n" > /dev/null; echo hidden >&2; echo shown; echo a | cat - | head -n 1; printf "1\\n2\\n3\\n" | tail -n 2',
];

for (const [index, script] of SCRIPTS.entries()) {
  test(`script ${index + 1}: ${script.slice(0, 60).replaceAll("\n", " ")}`, (t) => {
    if (skipWithout(t, "sh")) return;
    const shell = spawnSync("sh", ["-c", script, "sh", "configure", "", "c d"], {
      encoding: "latin1",
      env: { PATH: process.env["PATH"], HOME: "/root", LC_ALL: "C" },
    });
    assert.equal(follow(script), shell.stdout);
  });
}
