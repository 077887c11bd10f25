import { buildLayeredImage, mixRelease } from "tare";

const app = mixRelease({ src: ".", release: "greeter" });

export default buildLayeredImage({
  name: "elixir-release",
  config: { Entrypoint: [`${app}/bin/greeter`, "start"], ExposedPorts: ["4000/tcp"], User: "65534:65534" },
  forbid: ["libsystemd0", "erlang-*"],
});
