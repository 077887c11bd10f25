// A directory of static files: served by nginx.

import type { Recogniser } from "../recogniser.ts";

/** Where index.html is looked for. */
const PLACES = [".", "public", "dist", "build", "site", "html", "www", "_site", "out"];

export const recogniser: Recogniser = {
  rank: 90,
  recognise(directory) {
    const [first, ...others] = PLACES.filter((place) =>
      directory.has(place === "." ? "index.html" : `${place}/index.html`),
    );
    if (first === undefined) return undefined;
    const source =
      first === "."
        ? 'path(".", { filter: (name) => !/^(?:image\\.ts|tare\\.lock|.*\\.oci)$/.test(name) })'
        : `path(${JSON.stringify(`./${first}`)})`;
    return {
      what: `static files in ${first === "." ? "this directory" : `${first}/`}, for nginx`,
      imports: ["debian", "path", "place"],
      setup: ['const { packages } = debian("bookworm");'],
      options: [`contents: [packages["nginx-light"], place("/var/www/html", ${source})],`],
      config: { Cmd: '["nginx", "-g", "daemon off;"]', ExposedPorts: '["80/tcp"]' },
      unprivileged: false,
      notes: others.length === 0 ? [] : [`other directories with an index.html: ${others.join(", ")}`],
    };
  },
};
