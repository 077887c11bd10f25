// The directory of time zones in static programs, whose libraries name it whether it is used or not: counted where the
// program names it for itself. Of other files the directory's path says as much.

import { namesTimeZones } from "../../formats/static-program.ts";
import type { TokenKind } from "../token-kind.ts";

const TOKEN = "zones";

export const tokenKind: TokenKind = {
  name: "time-zones",
  strength: "strong",
  everyMatch: true,
  scope: "declared",
  *uses(file) {
    if (file.elf?.static === true && namesTimeZones(file.bytes)) yield TOKEN;
  },
  *offers({ path }) {
    if (path === "usr/share/zoneinfo/tzdata.zi") yield TOKEN;
  },
};
