// The layers of a base count.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const base = buildLayeredImage({ name: "two-layers", contents: [packages.coreutils], maxLayers: 2 });

export default buildLayeredImage({
  name: "layered-bulk-layer",
  fromImage: base,
  contents: [packages.dash, packages.sed, writeTextDir("share/hello", "hello\n")],
  maxLayers: 4,
  config: { Cmd: ["cat", "/share/hello"] },
});
