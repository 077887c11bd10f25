// Commands that give files to other users. What they leave names a store path, which so comes into the image.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const hello = writeTextDir("hello", "hello\n");
const unused = writeTextDir("unused", "unused\n");

export default buildLayeredImage({
  name: "layered-image-with-fake-root-commands",
  contents: [packages.dash, packages.coreutils],
  fakeRootCommands: `
    mkdir -p ./home/alice
    chown 1000 ./home/alice
    ln -s ${hello} ./linked
    cp ${unused}/unused ./home/alice/
  `,
  config: { Cmd: ["sh", "-c", "stat -c %u /home/alice; cat /linked/hello; ls /nix/store | wc -l"] },
});
