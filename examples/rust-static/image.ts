import { buildLayeredImage, path, rustBinary } from "tare";

const app = rustBinary({ src: path(".") });

export default buildLayeredImage({
  name: "rust-static",
  config: { Entrypoint: [app.program], ExposedPorts: ["8080/tcp"], User: "65534:65534" },
});
