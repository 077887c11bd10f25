// Two images in one archive, with layers that both have there once.
import { buildImage, buildLayeredImage, debian, mergeImages } from "tare";

const { packages } = debian("bookworm");

const one = buildImage({
  name: "one",
  copyToRoot: [packages.dash],
  compressor: "zstd",
  config: { Cmd: ["sh", "-c", "echo one"] },
});

const two = buildLayeredImage({
  name: "two",
  tag: "2",
  contents: [packages.dash, packages.coreutils],
  fakeRootCommands: "mkdir home/alice && chown 1000 home/alice",
  config: { Cmd: ["stat", "-c", "%u", "/home/alice"] },
});

export default mergeImages([one, two]);
