// A service over a base of its own: the base's layers stay as they are.
import { buildImage, buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm");

const base = buildImage({ name: "base", copyToRoot: [packages.dash], config: { Cmd: ["sh"] } });

export default buildLayeredImage({
  name: "redis",
  fromImage: base,
  contents: [packages["redis-server"]],
  config: { Cmd: ["redis-server", "--version"] },
});
