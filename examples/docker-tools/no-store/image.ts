// Links to the store without the store, which is mounted when the image runs.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "no-store",
  contents: [packages.coreutils, writeTextDir("share/hello", "hello\n")],
  includeStorePaths: false,
  runAsRoot: "mkdir -p /nix/store",
  config: { Cmd: ["cat", "/share/hello"] },
});
