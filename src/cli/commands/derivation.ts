// tare derivation show: the derivations of an image as Nix would have them, without building anything.

import type { Command } from "commander";
import { describeDerivationJson } from "../../formats/nix/derivation-json.ts";
import { planBuilds } from "../../pipeline/builds.ts";
import { resolveLock } from "../../pipeline/lock.ts";
import { evaluate } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addCommonOptions, addExamples, addFrozenOption } from "../options.ts";

export const summary = "show the derivations that an image is built from";

interface Options extends CommonOptions {
  readonly frozen: boolean;
}

export function configure(command: Command, host: Host): void {
  const show = command
    .command("show")
    .summary("print derivations")
    .description(
      "Print the derivations of an image, inputs first: as .drv files, or with --json as nix derivation show.",
    )
    .argument("[image]", "an image file, or a directory with an image.ts", ".");
  addExamples(command, ["tare derivation show", "the .drv files of ./image.ts"]);
  addFrozenOption(show);
  addCommonOptions(show).exitOverride();
  addExamples(
    show,
    ["tare derivation show", "the .drv files of ./image.ts"],
    ["tare derivation show app --json", "those of ./app/image.ts, for jq"],
  );
  show.action(async (path: string) => {
    const options = show.optsWithGlobals<Options>();
    const context = host.context(options);
    const evaluated = await evaluate(path);
    const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
    const plan = await planBuilds(evaluated.spec, lock, context);
    const derivations = [...plan.derivations.values()];
    const json = derivations.map(({ drvPath, derivation }) => [drvPath, describeDerivationJson(derivation)]);
    const text = derivations
      .map(({ drvPath, bytes }) => `# ${drvPath}\n${bytes.toString("utf8")}`)
      .join("\n");
    host.print(options, Object.fromEntries(json), text);
  });
  command.action(() => command.help({ error: true }));
}
