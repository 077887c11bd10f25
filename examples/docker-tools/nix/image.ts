// Nix in the image, with a store that it knows.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const a = writeTextDir("share/a", "some data\n");
const b = writeTextDir("share/b", `${a}\n`);

export default buildLayeredImage({
  name: "nix",
  contents: [packages.dash, packages.coreutils, packages["nix-bin"], b],
  includeNixDB: true,
  config: {
    Cmd: ["sh", "-c", `nix-store --verify --check-contents && nix-store -qR ${b} && cat ${a}/share/a`],
  },
});
