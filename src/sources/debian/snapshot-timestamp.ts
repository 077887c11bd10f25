// Moments as snapshot services name them: `20260901T000000Z`.

/** Writes a moment in ISO 8601 as a snapshot service does. */
export function toSnapshotTimestamp(iso: string): string {
  return iso.replace(/\.\d+/, "").replace(/[-:]/g, "");
}

/** Whether a text names a moment, and one that exists. */
export function isSnapshotTimestamp(text: string): boolean {
  const iso = text.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, "$1-$2-$3T$4:$5:$6Z");
  const milliseconds = iso === text ? Number.NaN : Date.parse(iso);
  return !Number.isNaN(milliseconds) && toSnapshotTimestamp(new Date(milliseconds).toISOString()) === text;
}
