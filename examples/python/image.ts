import { buildLayeredImage, debian } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "python",
  contents: [packages.python3, packages.tzdata],
  config: {
    Entrypoint: ["python3"],
    Env: { PYTHONDONTWRITEBYTECODE: "1", LANG: "C.UTF-8" },
    User: "nobody",
  },
});
