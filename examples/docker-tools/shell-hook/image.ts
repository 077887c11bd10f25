// What the shell of a derivation does first, a variable that is a file, and a home directory that is not there.
import { debian, runCommand, streamShellImage } from "tare";

const { packages } = debian("bookworm");

const drv = runCommand(
  "hooked",
  {
    inputs: [packages.jq],
    env: {
      shellHook: "echo 'the hook ran'; greet() { echo \"hello, $1\"; }",
      passAsFile: ["text"],
      text: '{ "text": "this is a string" }',
    },
  },
  "cp $textPath $out",
);

export default streamShellImage({
  drv,
  homeDirectory: "/homeless-shelter",
  run: "greet you; jq -r .text $textPath; test ! -e $HOME && touch $NIX_BUILD_TOP/x && buildDerivation && cmp $textPath $out && echo built",
});
