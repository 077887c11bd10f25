import { buildLayeredImage, rebar3Release } from "tare";

const app = rebar3Release({ src: "." });

export default buildLayeredImage({
  name: "erlang-release",
  config: { Entrypoint: app.entrypoint, Env: app.env, ExposedPorts: ["4000/tcp"], User: "65534:65534" },
  forbid: ["libsystemd0", "erlang-*"],
});
