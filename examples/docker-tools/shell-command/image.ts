// A shell of a derivation that is interactive, runs a command first and ends then.
import { debian, derivation, streamShellImage } from "tare";

const { packages } = debian("bookworm");

const drv = derivation({
  name: "Raw_builder",
  builder: "/bin/sh",
  args: ["-c", "echo $word > $out"],
  inputs: [packages.dash],
  env: { word: "it's built" },
});

export default streamShellImage({
  drv,
  uid: 2000,
  gid: 2000,
  homeDirectory: "/home/me",
  command: 'case $- in *i*) echo interactive;; esac; echo "$HOME $(id -u)"; buildDerivation; cat $out',
});
