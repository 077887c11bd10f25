import { buildLayeredImage, debian, path, runCommand } from "tare";

const { packages } = debian("bookworm");
const { gcc, "libc6-dev": libc, "zlib1g-dev": zlib } = packages;

const server = runCommand(
  "server",
  { inputs: [gcc, libc, zlib] },
  `
  mkdir -p $out/bin
  gcc -O2 -Wall -o $out/bin/server ${path("./src")}/server.c -lz
`,
);

export default buildLayeredImage({
  name: "c-dynamic",
  config: { Entrypoint: [`${server}/bin/server`], ExposedPorts: ["8080/tcp"], User: "65534:65534" },
});
