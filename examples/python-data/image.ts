import { buildLayeredImage, pythonApp } from "tare";

const app = pythonApp({ src: ".", entry: { weather: "weather:main" } });

export default buildLayeredImage({
  name: "weather",
  config: { Entrypoint: [`${app}/bin/weather`], User: "65534:65534" },
});
