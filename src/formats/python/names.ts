// Names of projects, extras and dependency groups: PEP 508 (what is a name), PEP 503 (which are the same), PEP 685, 735.

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** Whether a text can name a project, an extra or a group. */
export function isName(text: string): boolean {
  return NAME.test(text) && text.length <= 255;
}

/** The one spelling of a name: lower case, runs of `-`, `_` and `.` as one `-`. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}
