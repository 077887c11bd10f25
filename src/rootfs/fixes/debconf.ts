// Emulates debconf for scripts: every question has the answer that its package's templates give by default.
// Specification: debconf-devel(7) and the shell functions of /usr/share/debconf/confmodule.

import type { DebconfTemplate } from "../../formats/debconf-templates.ts";
import { parseDebconfTemplates } from "../../formats/debconf-templates.ts";
import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { SUCCESS } from "../../formats/maintainer-script.ts";
import type { CommandHandler, Fix, FixContext, ScriptCall } from "../fix.ts";

/** Commands that ask nothing and change nothing that a script sees. */
const SILENT = [
  ...[
    "beginblock",
    "capb",
    "clear",
    "endblock",
    "fset",
    "go",
    "info",
    "input",
    "progress",
    "purge",
    "reset",
    "settitle",
  ],
  ...["stop", "subst", "title", "unregister", "version", "x_loadtemplatefile"],
];

/** debconf's answer when a question does not exist. */
const NO_SUCH_QUESTION = 10;

const UNKNOWN_ANSWER: CommandOutcome = {
  status: 0,
  output: "",
  variables: { RET: { text: "an answer of debconf", known: false } },
};

export const fix: Fix = {
  after: [],
  create: (context) => {
    const debconf = new Debconf(context);
    const silent: CommandHandler = () => answer("");
    return {
      helpers: ["/usr/share/debconf/confmodule", "/usr/share/debconf/confmodule.sh"],
      commands: {
        ...Object.fromEntries(SILENT.map((name) => [`db_${name}`, silent])),
        db_get: (call) => debconf.read(call),
        db_fget: () => answer("false"),
        db_set: (call) => debconf.set(call),
        db_register: (call) => debconf.register(call),
        db_metaget: (call) => debconf.describe(call),
        "debconf-communicate": () => SUCCESS,
        "debconf-set-selections": () => SUCCESS,
      },
    };
  },
};

function answer(text: string | undefined): CommandOutcome {
  return {
    status: text === undefined ? NO_SUCH_QUESTION : 0,
    output: "",
    // A default with a substitution is filled in by a config script, which is not followed.
    variables: { RET: { text: text ?? "", known: text === undefined || !text.includes("${") } },
  };
}

class Debconf {
  readonly #context: FixContext;
  readonly #templates = new Map<string, ReadonlyMap<string, DebconfTemplate>>();
  /** Answers that scripts gave; null when what they gave is not known. */
  readonly #answers = new Map<string, string | null>();
  readonly #registered = new Map<string, string>();

  constructor(context: FixContext) {
    this.#context = context;
  }

  read(call: ScriptCall): CommandOutcome {
    const name = call.args[0];
    if (name?.known !== true) return { ...UNKNOWN_ANSWER, status: undefined };
    const given = this.#answers.get(name.text);
    if (given === null) return UNKNOWN_ANSWER;
    return answer(given ?? this.#find(call, name.text)?.value);
  }

  set(call: ScriptCall): CommandOutcome {
    const [name, ...values] = call.args;
    if (name?.known !== true) return SUCCESS;
    const isKnown = call.certain && values.every((value) => value.known);
    this.#answers.set(name.text, isKnown ? values.map((value) => value.text).join(" ") : null);
    return answer("");
  }

  register(call: ScriptCall): CommandOutcome {
    const [template, name] = call.args;
    if (template?.known === true && name?.known === true) this.#registered.set(name.text, template.text);
    return answer("");
  }

  describe(call: ScriptCall): CommandOutcome {
    const [name, field] = call.args;
    if (name?.known !== true || field?.known !== true) return SUCCESS;
    const template = this.#find(call, name.text);
    return answer(/^choices/i.test(field.text) ? template?.choices : template === undefined ? undefined : "");
  }

  #find(call: ScriptCall, name: string): DebconfTemplate | undefined {
    const template = this.#registered.get(name) ?? name;
    const own = this.#templatesOf(call.object.id).get(template);
    if (own !== undefined) return own;
    for (const { id } of this.#context.followed) {
      const found = this.#templatesOf(id).get(template);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #templatesOf(id: string): ReadonlyMap<string, DebconfTemplate> {
    let templates = this.#templates.get(id);
    if (templates === undefined) {
      const object = this.#context.followed.find((one) => one.id === id);
      templates = parseDebconfTemplates(object?.package.controlFiles.get("templates") ?? "");
      this.#templates.set(id, templates);
    }
    return templates;
  }
}
