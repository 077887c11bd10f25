import { buildLayeredImage, debian } from "tare";

const { packages } = debian("trixie");

export default buildLayeredImage({
  name: "curl",
  contents: [packages.curl, packages["ca-certificates"]],
  config: { Entrypoint: ["curl"] },
});
