// Variables of the base are inherited by name.
import { buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm");

const parent = buildLayeredImage({
  name: "parent",
  contents: [packages.coreutils],
  config: { Env: ["FROM_PARENT=true", "LAST_LAYER=parent"] },
});

export default buildLayeredImage({
  name: "child",
  fromImage: parent,
  config: { Cmd: ["env"], Env: ["FROM_CHILD=true", "LAST_LAYER=child"] },
});
