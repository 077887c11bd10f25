// Test suites that packages ship among their modules and plugins: nothing needs them but who tests the package, so they
// stay only where something names one of their files. Source: where setuptools, RubyGems, npm, R and PEAR install
// tests, and `src/test` of build trees.

/** What holds modules, and the name of the directory of tests in it. */
const SUITES: readonly string[] = [
  "lib/(?:[^/]+/)?(?:python3[\\d.]*|pypy3)/dist-packages/(?:.*/)?tests",
  "(?:share/rubygems-integration|lib/ruby/gems)/[^/]+/gems/[^/]+/(?:tests?|spec)",
  "(?:share|lib(?:/[^/]+)?)/nodejs/(?:.*/)?[^/@][^/]*/(?:tests?|__tests__)",
  "lib/R/(?:site-)?library/[^/]+/tests",
  "share/php/(?:.*/)?[Tt]ests",
  "(?:lib|share)/.*/src/tests?",
];
const SUITE = new RegExp(`^usr/(?:${SUITES.join("|")})/`);

/** How the class is called beside those of prune.ts. */
export const TEST_SUITES = "test suites";

/** Whether a file (merged-usr form) is of a test suite. */
export function isTestSuite(path: string): boolean {
  return SUITE.test(path);
}
