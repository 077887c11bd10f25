// Layers whose contents are decided here: what is in one is in no later one.
import { buildLayer, buildLayeredImage, debian, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const settings = writeTextDir("srv/settings", "secret\n");

const shell = buildLayer({ deps: packages.dash });
const tools = buildLayer({ deps: packages.coreutils, layers: [shell] });
const data = buildLayer({
  copyToRoot: settings,
  perms: [{ path: settings, regex: "^/srv/settings$", mode: "0640", uid: 33, gid: 33 }],
});

export default buildLayeredImage({
  name: "layers",
  layers: [tools, data],
  contents: [packages.sed],
  config: { Cmd: ["stat", "-c", "%a %u:%g %n", "/srv/settings"] },
});
