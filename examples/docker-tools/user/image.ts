// A user other than root, whose files are its own.
import { buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const data = writeTextDir("data", "x\n");

export default buildLayeredImage({
  name: "with-user",
  contents: [packages.dash, packages.coreutils],
  users: [{ name: "somebody", uid: 1234 }],
  uid: 1234,
  gid: 1234,
  config: {
    Cmd: [
      "sh",
      "-c",
      `id -un; pwd; stat -c '%a' /nix /nix/store; stat -c '%u:%g' ${data}/data /home/somebody`,
    ],
    User: "somebody",
    WorkingDir: "/home/somebody",
  },
});
