import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDebconfTemplates } from "./debconf-templates.ts";

test("reads defaults and choices", () => {
  const templates = parseDebconfTemplates(
    "Template: f/style\nType: select\nChoices: None, Slight\nDefault: hintslight\nDescription: x\n y\n .\n z\n\nTemplate: f/bool\nType: boolean\nDescription: b\n",
  );
  assert.deepEqual(templates.get("f/style"), {
    name: "f/style",
    type: "select",
    value: "hintslight",
    choices: "None, Slight",
  });
  assert.equal(templates.get("f/bool")?.value, "");
});

test("text that is no templates file has none", () => {
  assert.equal(parseDebconfTemplates("!!\n x").size, 0);
  assert.equal(parseDebconfTemplates("").size, 0);
});
