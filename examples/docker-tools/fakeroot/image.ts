// Commands that give files to other users, and name what is then in the image.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const hello = writeTextDir("hello", "hello\n");

export default buildLayeredImage({
  name: "layered-image-with-fake-root-commands",
  contents: [packages.dash, packages.coreutils, hello],
  fakeRootCommands: `
    mkdir -p ./home/alice
    chown 1000 ./home/alice
    ln -s ${hello} ./linked
  `,
  config: { Cmd: ["sh", "-c", "stat -c %u /home/alice; cat /linked/hello"] },
});
