// Answers with the hash of what it is sent: a native addon at work.

import { serve } from "@hono/node-server";
import { xxh64 } from "@node-rs/xxhash";
import { Hono } from "hono";

const app = new Hono();

app.get("/", (context) => context.text(`node ${process.versions.node}\n`));
app.post("/hash", async (context) => context.json({ xxh64: xxh64(await context.req.text()).toString(16) }));

const server = serve({ fetch: app.fetch, port: Number(process.env["PORT"] ?? 8080) });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
