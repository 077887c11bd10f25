// The build environment of a derivation, in which it is built by hand.
import { buildShellImage, debian, runCommand, writeText } from "tare";

const { packages } = debian("bookworm");

const input = writeText("input", '{ "greeting": "hello" }\n');

const drv = runCommand("greeting", { inputs: [packages.jq] }, `jq -r .greeting ${input} > $out`);

export default buildShellImage({ drv, run: "buildDerivation && cat $out" });
