import { buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "redis",
  contents: [packages["redis-server"]],
  config: { Cmd: ["redis-server", "--bind", "0.0.0.0"], User: "redis", WorkingDir: "/var/lib/redis" },
});
