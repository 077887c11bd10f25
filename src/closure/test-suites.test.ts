import assert from "node:assert/strict";
import { test } from "node:test";
import { isTestSuite } from "./test-suites.ts";

const suites = [
  "usr/lib/python3/dist-packages/numpy/core/tests/data/a.txt",
  "usr/lib/x86_64-linux-gnu/python3/dist-packages/a/tests/__init__.py",
  "usr/lib/python3/dist-packages/tests/__init__.py",
  "usr/lib/ruby/gems/3.1.0/gems/rbs-2.1.0/test/a.rb",
  "usr/share/rubygems-integration/all/gems/rack-2.2.6/spec/a.rb",
  "usr/share/nodejs/a/test/index.js",
  "usr/share/nodejs/@b/a/__tests__/index.js",
  "usr/lib/R/site-library/a/tests/a.R",
  "usr/share/php/Symfony/Tests/A.php",
  "usr/lib/a/15/lib/b/src/test/perl/A.pm",
];
const others = [
  "usr/lib/python3/dist-packages/jinja2/tests.py",
  "usr/lib/python3/dist-packages/django/test/client.py",
  "usr/lib/python3.11/test/support/__init__.py",
  "usr/share/nodejs/test/index.js",
  "usr/share/nodejs/@b/test/index.js",
  "usr/lib/ruby/gems/3.1.0/gems/test-unit-3.5.3/lib/test/unit.rb",
  "usr/share/php/PHPUnit/Framework/Test.php",
  "usr/lib/R/library/tools/R/tools",
  "usr/share/tests/a",
];

test("test suites by the places that modules are installed to", () => {
  for (const path of suites) assert.ok(isTestSuite(path), path);
  for (const path of others) assert.ok(!isTestSuite(path), path);
});
