import { buildLayeredImage, goBinary, path } from "tare";

const app = goBinary({ src: path(".") });

export default buildLayeredImage({
  name: "go-static",
  config: { Entrypoint: [app.program], ExposedPorts: ["8080/tcp"], User: "65534:65534" },
});
