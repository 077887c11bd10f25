// The engines that images can be loaded into.

/** The first of them first. */
export const ENGINES = ["podman", "docker"] as const;

export type EngineName = (typeof ENGINES)[number];
