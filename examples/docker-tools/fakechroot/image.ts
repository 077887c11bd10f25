// The same commands in the image, as its root.
import { debian, streamLayeredImage } from "tare";

const { packages } = debian("bookworm");

export default streamLayeredImage({
  name: "image-via-fake-chroot",
  contents: [packages.dash, packages.coreutils],
  enableFakechroot: true,
  fakeRootCommands: `
    touch /testfile
    chown 12345:12345 /testfile
  `,
  config: { Cmd: ["stat", "-c", "%u:%g", "/testfile"] },
});
