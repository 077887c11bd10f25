// Emulates the commands by which maintainer scripts write files: scratch files, tee, and sed in place.
// Specification: mktemp(1), tempfile(1), tee(1), sed(1).

import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import { editStream } from "../../formats/sed.ts";
import { readSedOptions } from "../../formats/text-filters.ts";
import { bytePathProblem } from "../../model/bytes.ts";
import { option, parseArguments } from "../arguments.ts";
import type { ActiveFix, Fix, FixContext, ScriptCall } from "../fix.ts";
import { Operands } from "../operands.ts";

/** A scratch file has the mode that mktemp gives. */
const SCRATCH_MODE = 0o600;

export const fix: Fix = {
  after: [],
  create: (context) => new ContentCommands(context).toFix(),
};

class ContentCommands {
  readonly #context: FixContext;
  readonly #operands: Operands;
  #scratchFiles = 0;

  constructor(context: FixContext) {
    this.#context = context;
    this.#operands = new Operands(context);
  }

  toFix(): ActiveFix {
    return {
      commands: {
        mktemp: (call) => this.#makeScratch(call),
        tempfile: (call) => this.#makeScratch(call),
        tee: (call) => this.#tee(call),
        sed: (call) => this.#editInPlace(call),
      },
    };
  }

  #makeScratch(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-p", "--suffix", "--tmpdir"]);
    const template = args.operands[0]?.text.replace(/^.*\//, "").replace(/X+/, "") ?? "tmp.";
    const given =
      args.operands[0]?.known === true && args.operands[0].text.startsWith("/")
        ? args.operands[0].text
        : undefined;
    const directory = given === undefined ? "/tmp" : given.slice(0, given.lastIndexOf("/"));
    const path = `${directory}/${template}tare${++this.#scratchFiles}`;
    const resolved = this.#context.root.resolve(path, false);
    if (resolved === undefined || bytePathProblem(resolved) !== undefined) return UNKNOWN;
    if (option(args, "-d", "--directory") !== undefined)
      this.#context.root.makeDirectory(resolved, { mode: 0o700 });
    else this.#context.root.writeFile(resolved, "", { mode: SCRATCH_MODE });
    return { status: 0, output: `${path}\n` };
  }

  #tee(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, []);
    for (const path of this.#operands.paths(call, args.operands, true)) {
      if (call.input === undefined) this.#context.root.writeOpaque(path);
      else {
        const before =
          option(args, "-a", "--append") === undefined ? "" : (this.#context.root.readText(`/${path}`) ?? "");
        this.#context.root.writeFile(path, before + call.input);
        this.#operands.done(call, "write", path, "tee");
      }
    }
    return { status: 0, output: call.input };
  }

  #editInPlace(call: ScriptCall): CommandOutcome {
    const texts = call.args.map((arg) => arg.text);
    const { options, operands, unknown } = readSedOptions(texts);
    if (!options.has("i")) return UNKNOWN;
    const script = options.get("e") ?? operands.shift();
    if (unknown || script === undefined || !call.args.every((arg) => arg.known)) {
      return this.#operands.skip(call, "its script is not known");
    }
    for (const operand of operands) {
      const path = this.#operands.path(call, { text: operand, known: true }, true);
      const text = path === undefined ? undefined : this.#context.root.readText(`/${path}`);
      if (path === undefined || text === undefined || text === null) continue;
      const edited = editStream(script, text, { extended: options.has("E"), quiet: options.has("n") });
      if (edited === undefined || !call.certain) {
        this.#operands.skip(call, `what it makes of /${path} is not known`);
        continue;
      }
      if (edited === text) continue;
      this.#context.root.writeFile(path, edited);
      this.#operands.done(call, "write", path, "sed -i");
    }
    return SUCCESS;
  }
}
