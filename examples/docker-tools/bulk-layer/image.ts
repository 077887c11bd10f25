// More contents than layers: what has none of its own is together in one.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "bulk-layer",
  contents: [packages.coreutils, packages.dash, writeTextDir("share/hello", "hello\n")],
  maxLayers: 2,
  config: { Cmd: ["cat", "/share/hello"] },
});
