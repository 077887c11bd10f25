// A service with its configuration and pages.
import { buildLayeredImage, debian, place, writeTextDir } from "tare";

const { packages } = debian("bookworm");

const pages = writeTextDir("index.html", "<h1>hello</h1>\n");

export default buildLayeredImage({
  name: "nginx-container",
  contents: [packages["nginx-light"], place("/var/www", pages)],
  directories: [{ path: "/run/nginx", owner: "www-data" }],
  files: [
    {
      path: "/etc/nginx/nginx.conf",
      text: `daemon off;
user www-data;
pid /run/nginx/nginx.pid;
error_log /dev/stderr;
events {}
http {
  access_log /dev/stdout;
  server { listen 8080; root /var/www; }
}
`,
    },
  ],
  config: { Cmd: ["nginx", "-t"], ExposedPorts: ["8080/tcp"] },
});
