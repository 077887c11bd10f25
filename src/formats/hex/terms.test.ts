import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "../errors.ts";
import { parseElixirTerm } from "./elixir-term.ts";
import { parseErlangTerms } from "./erlang-terms.ts";
import { parseMixLock, parseRebarLock } from "./locked-package.ts";
import { itemsOf, nameOfTerm, type Term, taggedItems } from "./term.ts";

/** A term in one notation for both languages. */
function dump(term: Term): unknown {
  if (term.type === "atom") return `:${term.name}`;
  if (term.type === "text") return term.text;
  if (term.type === "number") return term.value;
  if (term.type === "map") return { map: term.entries.map((entry) => entry.map(dump)) };
  return { [term.type]: term.items.map(dump) };
}

const erlang = (text: string) => parseErlangTerms(text, "a file").map(dump);
const elixir = (text: string) => dump(parseElixirTerm(text, "a file"));
const bad = (pattern: RegExp) => (error: unknown) =>
  error instanceof FormatError && error.code === "BAD_TERM" && pattern.test(error.message);

test("terms of Erlang", () => {
  assert.deepEqual(
    erlang(`%% a comment\n{deps, [{cowboy, "2.10.0"}, 'Odd one']}.\n{vsn, <<"1.0">>}. % end`),
    [
      { tuple: [":deps", { list: [{ tuple: [":cowboy", "2.10.0"] }, ":Odd one"] }] },
      { tuple: [":vsn", "1.0"] },
    ],
  );
  assert.deepEqual(
    erlang(`#{a => -1.5e3, "b" "c" => $a}. [x | y]. <<99,"o"/utf8>>. "\\x{e9}\\n\\"". $\\n.`),
    [
      {
        map: [
          [":a", -1500],
          ["bc", 97],
        ],
      },
      { list: [":x", ":y"] },
      "co",
      'é\n"',
      110,
    ],
  );
});

test("terms of Elixir", () => {
  assert.deepEqual(
    elixir(
      `%{ # a lock\n "jason": {:hex, :jason, "1.4.1", [:mix], [{:decimal, "~> 1.0", [optional: true]}]},\n}`,
    ),
    {
      map: [
        [
          ":jason",
          {
            tuple: [
              ":hex",
              ":jason",
              "1.4.1",
              { list: [":mix"] },
              { list: [{ tuple: [":decimal", "~> 1.0", { list: [{ tuple: [":optional", ":true"] }] }] }] },
            ],
          },
        ],
      ],
    },
  );
  assert.deepEqual(elixir(`%{"a" => nil, b: :"c d", "e" => Foo.Bar, 1_000 => "\\u"}`), {
    map: [
      ["a", ":nil"],
      [":b", ":c d"],
      ["e", ":Foo.Bar"],
      [1000, "u"],
    ],
  });
});

test("what is no term is told by its line", () => {
  assert.throws(
    () => erlang("{a, b}.\n{c, Variable}."),
    bad(/Cannot read a file: line 2: a term was expected/),
  );
  assert.throws(() => erlang("{a, b}"), bad(/"\." was expected/));
  assert.throws(() => erlang('"open'), bad(/not closed/));
  assert.throws(() => erlang(`${"[".repeat(1000)}`), bad(/nested deeper than 256/));
  assert.throws(() => elixir("%{a: System.halt()}"), bad(/"}" was expected/));
  assert.throws(() => elixir("[] []"), bad(/the end was expected/));
  assert.throws(() => erlang('"\\x{ffffff}".'), bad(/no character/));
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [erlang, elixir]) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof FormatError);
        }
      }
    }),
  );
});

test("names and items of what is not there", () => {
  assert.equal(nameOfTerm(undefined), undefined);
  assert.deepEqual(itemsOf({ type: "atom", name: "a" }), []);
  assert.equal(taggedItems({ type: "tuple", items: [] }, "a"), undefined);
});

const [A, B] = ["a".repeat(64), "b".repeat(64)];

test("a mix.lock", () => {
  const lock = parseMixLock(
    `%{
  "jason": {:hex, :jason, "1.4.1", "${A}", [:mix], [], "hexpm", "${B}"},
  "cowlib": {:hex, :cow_lib, "2.12.1-rc.1", "${A}", [:make, :rebar3], [], "acme:private", "${B}"},
  "old": {:hex, :old, "0.1.0", "${A}", [:mix], [], "hexpm"},
  "plug": {:git, "https://example.org/plug.git", "0123", []},
}`,
    "mix.lock",
  );
  assert.deepEqual(lock.others, [{ application: "plug", kind: "git" }]);
  assert.deepEqual(
    lock.packages.map(({ application, name, version, repository, inner, outer, managers }) =>
      [application, name, version, repository, inner === A, outer === B, managers.join("+")].join(" "),
    ),
    [
      "jason jason 1.4.1 hexpm true true mix",
      "cowlib cow_lib 2.12.1-rc.1 acme:private true true make+rebar3",
      "old old 0.1.0 hexpm true false mix",
    ],
  );
  assert.deepEqual(parseMixLock("%{}", "mix.lock"), { packages: [], others: [] });
});

test("a rebar.lock, of every version", () => {
  const packages = `[{<<"cowlib">>,{pkg,<<"cow_lib">>,<<"2.12.1">>},1},{<<"x">>,{git,"u",{ref,"1"}},0}]`;
  const hashes = `[{pkg_hash,[{<<"cowlib">>, <<"${A.toUpperCase()}">>}]},{pkg_hash_ext,[{<<"cowlib">>, <<"${B}">>}]}].`;
  const { packages: found, others } = parseRebarLock(`{"1.2.0",\n${packages}}.\n${hashes}`, "rebar.lock");
  assert.deepEqual(found, [
    {
      application: "cowlib",
      name: "cow_lib",
      version: "2.12.1",
      repository: "hexpm",
      inner: A,
      outer: B,
      managers: ["rebar3"],
    },
  ]);
  assert.deepEqual(others, [{ application: "x", kind: "git" }]);
  assert.equal(parseRebarLock(`${packages}.`, "rebar.lock").packages[0]!.outer, undefined);
  assert.deepEqual(parseRebarLock("[].", "rebar.lock").packages, []);
});

test("what would reach outside, or is no checksum, is refused", () => {
  const mix = (name: string, version: string, inner: string) =>
    parseMixLock(`%{"a": {:hex, "${name}", "${version}", "${inner}", [], [], "hexpm", "${B}"}}`, "mix.lock");
  assert.throws(() => mix("../a", "1.0.0", A), bad(/"\.\.\/a" of a cannot be, the name of a package was/));
  assert.throws(() => mix("a", "1.0.0/x", A), bad(/a version was expected/));
  assert.throws(() => mix("a", "1.0.0", "$(x)"), bad(/64 hexadecimal digits was expected/));
  assert.throws(
    () => parseMixLock(`%{"../a": {:hex, :a, "1.0.0", "${A}"}}`, "mix.lock"),
    bad(/an application/),
  );
  assert.throws(() => parseMixLock("[]", "mix.lock"), bad(/a map was expected/));
});
