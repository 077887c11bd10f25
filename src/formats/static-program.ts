// What a static program opens beside libraries, told by its bytes: bundles of certificates, and time zones. Languages that
// link statically keep their texts without ends between them, so that these are looked for anywhere.

/** Where Debian's bundle is; Go looks there first. */
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const TIME_ZONES = "/usr/share/zoneinfo";

/** Bytes by which stretches must overlap, so that nothing is missed between them. */
export const STATIC_TEXT_OVERLAP = BUNDLE.length + 2;

/** Whether a stretch of a static program names the bundle of certificates. */
export function namesCertificates(bytes: Buffer): boolean {
  return bytes.includes(BUNDLE, 0, "latin1");
}

/**
 * Whether a stretch of a static program names the directory of time zones for itself.
 *
 * A C library that was linked in names it as a whole string, between zero bytes, in programs that never ask for the time
 * as well: that does not count.
 */
export function namesTimeZones(bytes: Buffer): boolean {
  for (
    let at = bytes.indexOf(TIME_ZONES, 0, "latin1");
    at >= 0;
    at = bytes.indexOf(TIME_ZONES, at + 1, "latin1")
  ) {
    const end = at + TIME_ZONES.length;
    const isWhole =
      bytes[at - 1] === 0 && (bytes[end] === 0 || (bytes[end] === 0x2f && bytes[end + 1] === 0));
    if (!isWhole) return true;
  }
  return false;
}
