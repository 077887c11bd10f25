// Both ways of changing an image by commands: as root of the image, and beside it.
import { buildImage, debian } from "tare";

const { packages } = debian("bookworm");

export default buildImage({
  name: "commands",
  copyToRoot: [packages.dash, packages.coreutils],
  runAsRoot: "echo '(runAsRoot)' > /runAsRoot",
  extraCommands: "echo '(extraCommand)' > extraCommands",
  config: { Cmd: ["cat", "/runAsRoot", "/extraCommands"] },
});
