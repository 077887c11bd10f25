// Stripping against Erlang itself: what beam_lib:strip/1 keeps stays byte for byte, the checksums of modules are as
// before, and the virtual machine loads and runs what was stripped.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { stripBeam } from "../../src/formats/beam-strip.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { skipWithout } from "../kit/tools.ts";

const MODULES = [
  "/usr/lib/erlang/lib/stdlib-*/ebin/{lists,gen_server,io_lib,re,unicode_util}.beam",
  "/usr/lib/erlang/lib/kernel-*/ebin/{logger,inet}.beam",
  "/usr/lib/elixir/lib/elixir/ebin/Elixir.{Enum,String,Kernel,Regex}.beam",
  "/usr/lib/elixir/lib/elixir/ebin/elixir_parser.beam",
];

/** For each module: file name, chunks that beam_lib:strip/1 keeps with their hashes, checksum of the module. */
const DESCRIBE = `
main([What | Files]) -> [describe(What, File) || File <- Files].
describe(What, File) ->
    {ok, Bytes} = file:read_file(File),
    {ok, {_, Kept}} = case What of "ours" -> {ok, {x, Bytes}}; "theirs" -> beam_lib:strip(Bytes) end,
    {ok, _, Chunks} = beam_lib:all_chunks(Kept),
    {ok, {_, Sum}} = beam_lib:md5(Kept),
    Lines = [[Name, $=, hash(Data)] || {Name, Data} <- lists:sort(Chunks), Name =/= "Attr"],
    io:format("~s ~s ~s~n", [filename:basename(File), hash(Sum), lists:join(" ", Lines)]).
hash(Data) -> [io_lib:format("~2.16.0b", [B]) || <<B>> <= crypto:hash(md5, Data)].
`;

function copyStripped(t: TestContext): { readonly originals: string[]; readonly directory: string } {
  const originals = MODULES.flatMap((pattern) => globSync(pattern)).sort();
  const directory = temporaryDirectory(t);
  for (const file of originals) {
    const bytes = readFileSync(file);
    const stripped = stripBeam(bytes);
    // Debian's Elixir is compressed, and has less to strip than that saves.
    const isCompressed = bytes[0] === 0x1f;
    assert.ok(stripped !== undefined && (isCompressed || stripped.length < bytes.length), file);
    if (!isCompressed) assert.deepEqual(stripBeam(gzipSync(bytes)), stripped);
    writeFileSync(join(directory, basename(file)), stripped);
  }
  return { originals, directory };
}

test("chunks and checksums are those of beam_lib:strip/1", (t) => {
  if (skipWithout(t, "escript", "elixir")) return;
  const { originals, directory } = copyStripped(t);
  const script = join(directory, "describe");
  writeFileSync(script, DESCRIBE);
  const describe = (what: string, files: readonly string[]) =>
    execFileSync("escript", [script, what, ...files], { encoding: "utf8" });
  assert.ok(originals.length >= 10);
  const ours = originals.map((file) => join(directory, basename(file)));
  assert.equal(describe("ours", ours), describe("theirs", originals));
});

test("Erlang and Elixir run from stripped modules", (t) => {
  if (skipWithout(t, "erl", "elixir")) return;
  const { directory } = copyStripped(t);
  const program = `
    [Dir] = init:get_plain_arguments(),
    Load = fun(M) -> code:unstick_mod(M), code:purge(M), {module, M} = code:load_abs(filename:join(Dir, M)) end,
    [Load(M) || M <- [lists, gen_server, io_lib, 'Elixir.Enum', 'Elixir.String', 'Elixir.Regex', elixir_parser]],
    io:format("~p ~p ~s~n", [lists:reverse([1, 2]), 'Elixir.Enum':sum([40, 2]), 'Elixir.String':upcase(<<"tare">>)]),
    {Value, _} = 'Elixir.Code':eval_string(<<"Regex.replace(~r/a/, inspect(%{a: 1}), \\"b\\")">>),
    io:format("~s~n", [Value]),
    halt().`;
  assert.equal(runErlang(program, directory), "[2,1] 42 TARE\n%{b: 1}\n");
});

test("what modules say of themselves stays, what debuggers read goes or stays by name", (t) => {
  if (skipWithout(t, "erl", "erlc")) return;
  const directory = temporaryDirectory(t);
  const source = "-module(told).\n-custom(kept).\n-export([f/0]).\nf() -> <<1:3>>.\n";
  writeFileSync(join(directory, "told.erl"), source);
  execFileSync("erlc", ["+debug_info", "-o", directory, join(directory, "told.erl")]);
  const file = join(directory, "told.beam");
  const compiled = readFileSync(file);
  const program = `
    [Dir] = init:get_plain_arguments(),
    {module, told} = code:load_abs(filename:join(Dir, told)),
    Debug = case beam_lib:chunks(code:which(told), [debug_info]) of
      {ok, {_, [{debug_info, {debug_info_v1, _, _}}]}} -> there;
      {error, beam_lib, {missing_chunk, _, _}} -> gone
    end,
    io:format("~p ~p ~p", [told:f(), proplists:get_value(custom, told:module_info(attributes)), Debug]),
    halt().`;
  writeFileSync(file, stripBeam(compiled)!);
  assert.equal(runErlang(program, directory), "<<1:3>> [kept] gone");
  writeFileSync(file, stripBeam(compiled, ["Dbgi"])!);
  assert.equal(runErlang(program, directory), "<<1:3>> [kept] there");
});

function runErlang(program: string, directory: string): string {
  const modules = "/usr/lib/elixir/lib/elixir/ebin";
  return execFileSync("erl", ["-noshell", "-pa", modules, "-eval", program, "-extra", directory], {
    encoding: "utf8",
    timeout: 30_000,
  });
}
