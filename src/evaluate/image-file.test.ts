import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { evaluateImageFile, findImageFile } from "./image-file.ts";

const IMPORT = 'import { buildLayeredImage } from "tare";\n';

test("an image file imports tare where none is installed, and its own modules", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "name.ts"), 'export const name: string = "app";\n');
  const file = join(directory, "image.ts");
  writeFileSync(
    file,
    `${IMPORT}import { name } from "./name.ts";\nexport default buildLayeredImage({ name });\n`,
  );
  assert.equal(findImageFile(directory), file);
  assert.equal((await evaluateImageFile(file)).name, "app");
});

test("a package.json of CommonJS beside it does not matter, and a promise is awaited", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "package.json"), '{ "type": "commonjs" }');
  const file = join(directory, "other.ts");
  writeFileSync(file, `${IMPORT}export default Promise.resolve(buildLayeredImage({ name: "b" }));\n`);
  assert.equal((await evaluateImageFile(file)).name, "b");
});

test("local files lie relative to the image file, wherever file() is called", async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "inner"));
  writeFileSync(
    join(directory, "inner/own.ts"),
    'import { file } from "tare";\nexport const own = [file("a", "/a"), file(new URL("b", import.meta.url), "/b")];\n',
  );
  const image = join(directory, "image.ts");
  writeFileSync(
    image,
    `${IMPORT}import { own } from "./inner/own.ts";\nexport default buildLayeredImage({ name: "a", contents: own });\n`,
  );
  const { files } = await evaluateImageFile(image);
  assert.deepEqual(
    files.map(({ path }) => path),
    [join(directory, "a"), join(directory, "inner/b")],
  );
});

test("a missing file is named", (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "image.ts"));
  for (const path of [directory, join(directory, "nope"), join(directory, "nope.ts")]) {
    assert.throws(() => findImageFile(path), {
      code: "IMAGE_FILE_MISSING",
      message: /^Cannot find \/.*: there is no such file$/,
    });
  }
});

const cases: { summary: string; text: string; code: string; message: RegExp; hint?: RegExp }[] = [
  {
    summary: "an enum",
    text: `${IMPORT}enum A { B }\nexport default A;\n`,
    code: "IMAGE_FILE_SYNTAX",
    message: /^Cannot read .*image\.ts:2: TypeScript enum is not supported/,
    hint: /union of strings instead of an enum/,
  },
  {
    summary: "a syntax error",
    text: `${IMPORT}export default buildLayeredImage({ name: "x" ;\n`,
    code: "IMAGE_FILE_SYNTAX",
    message: /^Cannot read .*image\.ts:2: /,
  },
  {
    summary: "a name that tare does not export",
    text: 'import { buildImg } from "tare";\nexport default buildImg();\n',
    code: "IMAGE_FILE_SYNTAX",
    message: /image\.ts:1: .*buildImg/,
  },
  {
    summary: "a throw",
    text: `${IMPORT}\nconst a: any = undefined;\nexport default buildLayeredImage({ name: a.b });\n`,
    code: "IMAGE_FILE_THREW",
    message: /^Cannot evaluate .*image\.ts:4:\d+: it threw TypeError: /,
  },
  {
    summary: "a throw of no error",
    text: 'throw "no";\n',
    code: "IMAGE_FILE_THREW",
    message: /it threw "no"$/,
  },
  {
    summary: "an unknown option, told with its line",
    text: `${IMPORT}\n\nexport default buildLayeredImage({ nam: "x" } as never);\n`,
    code: "UNKNOWN_OPTION",
    message: /image\.ts:4:\d+: Cannot use the option "nam"/,
    hint: /"name"/,
  },
  {
    summary: "a package that is not installed",
    text: 'import x from "nope";\nexport default x;\n',
    code: "IMPORT_NOT_FOUND",
    message: /cannot find package 'nope'/,
    hint: /Install the package/,
  },
  {
    summary: "no default export",
    text: "export const a = 1;\n",
    code: "WRONG_EXPORT",
    message: /it has no default export$/,
  },
  {
    summary: "a default export that is no image",
    text: "export default { name: 'redis' };\n",
    code: "WRONG_EXPORT",
    message: /its default export is \{"name":"redis"\}, no image$/,
    hint: /export default buildLayeredImage/,
  },
];
for (const { summary, text, code, message, hint } of cases) {
  test(`refused with its place: ${summary}`, async (t) => {
    const file = join(temporaryDirectory(t), "image.ts");
    writeFileSync(file, text);
    await assert.rejects(evaluateImageFile(file), (error: Error & { code: string; hint?: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}
