// Images over images: what is above hides what is below, and commands see all that is below.
import { buildImage, debian } from "tare";

const { packages } = debian("bookworm");

const first = buildImage({
  name: "layers-order-1",
  copyToRoot: [packages.dash, packages.coreutils],
  extraCommands: "mkdir -p srv; echo layer1 > srv/layer1; echo first > srv/winner",
});

const second = buildImage({
  name: "layers-order-2",
  fromImage: first,
  extraCommands: "echo layer2 > srv/layer2; echo second > srv/winner",
});

export default buildImage({
  name: "layers-order",
  fromImage: second,
  runAsRoot: "cat /srv/layer1 /srv/layer2 /srv/winner > /srv/layer3",
  config: { Cmd: ["cat", "/srv/layer1", "/srv/layer2", "/srv/layer3"] },
});
