// A directory of this machine among the contents, as it is.
import { buildImage, debian, path } from "tare";

const { packages } = debian("bookworm");

export default buildImage({
  name: "build-image-with-path",
  copyToRoot: [packages.dash, packages.coreutils, path("./files")],
  config: { Cmd: ["sh", "-c", "cat /srv/hello.txt; stat -c %u:%g /srv/hello.txt"] },
});
