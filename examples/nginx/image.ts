import { buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "nginx",
  contents: [packages["nginx-light"]],
  config: {
    Cmd: ["nginx", "-g", "daemon off;"],
    ExposedPorts: ["80/tcp"],
    StopSignal: "SIGQUIT",
  },
});
