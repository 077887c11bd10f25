import { buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "shell",
  contents: [packages.bash, packages.coreutils, packages.grep, packages.sed],
  config: { Cmd: ["bash"], WorkingDir: "/root", Env: { PS1: "\\w \\$ " } },
});
