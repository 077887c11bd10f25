// Links to the store without the store, which is mounted when the image runs.
import { buildLayeredImage, writeTextDir } from "tare";

export default buildLayeredImage({
  name: "no-store",
  contents: [writeTextDir("share/hello", "hello\n")],
  includeStorePaths: false,
});
