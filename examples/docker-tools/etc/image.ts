// The users root and nobody, and how names are looked up, in an image of one static program.
import { buildLayeredImage, debian, fakeNss } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "etc",
  contents: [packages["busybox-static"], fakeNss()],
  config: { Cmd: ["/bin/busybox", "id", "nobody"] },
});
