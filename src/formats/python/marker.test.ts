import assert from "node:assert/strict";
import { test } from "node:test";
import { createMarkerEnvironment, evaluateMarker, parseMarker } from "./marker.ts";
import { admitSamePythons, areMarkersEquivalent } from "./marker-equivalence.ts";
import { formatRequirement, parseRequirement } from "./requirement.ts";
import { parseSpecifiers } from "./specifier.ts";

const ARM = createMarkerEnvironment({ architecture: "arm64", python: "3.13.5", glibc: "2.41" });

test("markers are about the image, not about this machine", () => {
  const holds = (text: string) => evaluateMarker(parseMarker(text), ARM);
  assert.ok(
    holds("platform_machine == 'aarch64' and python_full_version == '3.13.5' and python_version >= '3.13'"),
  );
  assert.ok(!holds("platform_machine == 'x86_64' or python_version < '3.13'"));
  assert.ok(holds("extra != 'a'"));
  assert.ok(
    evaluateMarker(parseMarker("extra == 'A.b' and 'x' in dependency_groups"), {
      ...ARM,
      extras: new Set(["a-b"]),
      groups: new Set(["x"]),
    }),
  );
  assert.ok(evaluateMarker(undefined, ARM));
});

for (const [text, message] of [
  ["os_name == 'a' &&", /"&&" has no meaning/],
  ["os == 'a'", /no variable "os"/],
  ["'a' == 'b'", /no variable/],
  ["os_name", /a comparison such as/],
  ["(os_name == 'a'", /not closed/],
  ["os_name == 'a' os_name == 'b'", /goes on/],
  ["extras == 'a'", /"name" in extras/],
  ["extra > 'a'", /extra can only/],
  ["os_name ~= '1'", /compares versions/],
  [`${"(".repeat(70)}os_name == 'a'${")".repeat(70)}`, /too deeply/],
] as const) {
  test(`the marker ${text.slice(0, 40)} is refused with MARKER_INVALID`, () => {
    assert.throws(() => parseMarker(text), { code: "MARKER_INVALID", message });
  });
}

const PAIRS: readonly [a: string, b: string, same: boolean][] = [
  ["python_version < '3.12'", "python_full_version < '3.12'", true],
  ["python_version <= '3.11'", "python_full_version < '3.12'", true],
  ["python_version < '3.12'", "python_full_version <= '3.12'", false],
  ["python_version >= '3.8'", "python_full_version >= '3.11'", true],
  ["os_name == 'a' or os_name == 'b'", "os_name == 'b' or os_name == 'a'", true],
  ["os_name == 'a'", "os_name == 'a' and sys_platform != 'x'", false],
  ["os_name == 'a' and extra == 'x'", "extra == 'x' and os_name == 'a'", true],
  ["extra == 'x'", "extra == 'y'", false],
  ["sys_platform != 'win32'", "not_written", false],
];
for (const [a, b, same] of PAIRS) {
  test(`${a} and ${b} ${same ? "are" : "are not"} the same from Python 3.11 on`, () => {
    const other = b === "not_written" ? undefined : parseMarker(b);
    assert.equal(areMarkersEquivalent(parseMarker(a), other, parseSpecifiers(">=3.11")), same);
  });
}

test("sets of versions of Python are compared by what they admit", () => {
  const same = (a: string, b: string) => admitSamePythons(parseSpecifiers(a), parseSpecifiers(b));
  assert.ok(same(">=3.11", ">= 3.11.0"));
  assert.ok(same("~=3.11", ">=3.11,<4"));
  assert.ok(!same(">=3.11", ">=3.11.1"));
  assert.ok(!same(">=3.11", ">=3.12"));
});

test("a requirement is written in one form", () => {
  const { extras, ...rest } = parseRequirement('Flask_X [B, a.C]>= 2,<3 ; python_version > "3"');
  assert.deepEqual(extras, ["a-c", "b"]);
  assert.equal(formatRequirement({ extras, ...rest }), "flask-x[a-c,b]<3,>=2");
  assert.equal(
    formatRequirement(parseRequirement("a @ https://example.org/a.whl")),
    "a @ https://example.org/a.whl",
  );
});

for (const [text, message] of [
  ["", /does not begin with a name/],
  ["flask >= x", /">= x" is none/],
  ["flask[a b]", /no list of extras/],
  ["flask @", /no URL/],
  ["flask; os == 'a'", /the marker "os == 'a'"/],
  [`flask${"1".repeat(70_000)}`, /too long/],
] as const) {
  test(`the requirement "${text.slice(0, 30)}" is refused with REQUIREMENT_INVALID`, () => {
    assert.throws(() => parseRequirement(text), { code: "REQUIREMENT_INVALID", message });
  });
}
