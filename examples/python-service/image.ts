import { buildLayeredImage, pythonApp } from "tare";

const app = pythonApp({ src: "." });

export default buildLayeredImage({
  name: "guestbook",
  config: {
    Entrypoint: [`${app}/bin/gunicorn`, "--bind", "0.0.0.0:8000", "--no-control-socket", "guestbook:app"],
    ExposedPorts: ["8000/tcp"],
    User: "65534:65534",
  },
});
