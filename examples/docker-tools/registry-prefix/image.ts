// A name with a registry.
import { buildImage, debian } from "tare";

const { packages } = debian("bookworm");

export default buildImage({
  name: "registry-1.docker.io/image",
  tag: "1.0",
  copyToRoot: packages.dash,
  config: { Cmd: ["sh", "-c", "echo prefixed"] },
});
