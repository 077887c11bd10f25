import { buildLayeredImage, nodeApp, path } from "tare";

const app = nodeApp({ src: path(".") });

export default buildLayeredImage({
  name: "node-service",
  config: {
    Entrypoint: app.entrypoint,
    ExposedPorts: ["8080/tcp"],
    User: "nobody",
  },
});
