// Users made by the programs of the image, as runAsRoot does in dockerTools' own documentation. As data: `users`.
import { buildImage, debian, shadowSetup } from "tare";

const { packages } = debian("bookworm");

export default buildImage({
  name: "redis-user",
  copyToRoot: [packages.dash, packages.coreutils, packages.passwd],
  runAsRoot: `
    ${shadowSetup}
    groupadd -r -g 600 redis
    useradd -r -u 600 -g redis redis
    mkdir /data
    chown redis:redis /data
  `,
  config: { Cmd: ["sh", "-c", "id; stat -c '%U %u' /data"], User: "redis", WorkingDir: "/data" },
});
