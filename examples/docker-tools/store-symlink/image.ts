// A store path that is a link itself stays one.
import { buildLayeredImage, debian, runCommand, writeText } from "tare";

const { packages } = debian("bookworm");

const text = writeText("target", "behind the link\n");
const link = runCommand("link", {}, `ln -s ${text} $out`);

export default buildLayeredImage({
  name: "store-symlink",
  contents: [packages.dash, packages.coreutils],
  config: { Cmd: ["sh", "-c", `test -L ${link} && cat ${link}`] },
});
