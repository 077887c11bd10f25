// What `-p` says, as docker writes it: `[IP:]HOST:CONTAINER[/PROTOCOL]`, or `CONTAINER[/PROTOCOL]`.

import { RunError } from "./errors.ts";

/** A port of the program and the port of this machine that leads to it. */
export interface PublishedPort {
  /** Undefined when the user leaves it to the runtime. */
  readonly hostPort: number | undefined;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/**
 * Parses one value of `-p`.
 *
 * @throws {RunError} `BAD_PORT`.
 */
export function parsePublish(text: string): PublishedPort {
  const match =
    /^(?:(?:(?:\[[0-9A-Fa-f:]+\]|\d{1,3}(?:\.\d{1,3}){3}):)?(?<host>\d{0,5}):)?(?<container>\d{1,5})(?:\/(?<protocol>tcp|udp))?$/.exec(
      text,
    );
  const { host = "", container, protocol } = match?.groups ?? {};
  const hostPort = host === "" ? undefined : Number(host);
  const containerPort = Number(container ?? 0);
  if (match === null || !isPort(containerPort) || (hostPort !== undefined && !isPort(hostPort))) {
    throw new RunError(
      "BAD_PORT",
      `Cannot publish "${text}": it is not written as a port, [IP:]HOST:CONTAINER[/tcp|udp] was wanted`,
    );
  }
  return { hostPort, containerPort, protocol: protocol === "udp" ? "udp" : "tcp" };
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65535;
}

/**
 * Checks ports for a program that shares this machine's network.
 *
 * @returns What to tell the user; undefined when there is nothing to publish.
 * @throws {RunError} `BAD_PORT` when a port would have to become another.
 */
export function publishOnHostNetwork(publish: readonly string[]): string | undefined {
  const ports = publish.map(parsePublish);
  const moved = ports.find(
    ({ hostPort, containerPort }) => hostPort !== undefined && hostPort !== containerPort,
  );
  if (moved !== undefined) {
    throw new RunError(
      "BAD_PORT",
      `Cannot publish port ${moved.containerPort} as ${moved.hostPort}: without podman or docker the program has this machine's network, where a port is the same inside and outside`,
      { hint: `Use -p ${moved.containerPort}:${moved.containerPort}, or install podman` },
    );
  }
  if (ports.length === 0) return undefined;
  const list = ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`).join(", ");
  return `the program has this machine's network: ${list} is reached as it is`;
}
