import { TareError } from "../../model/errors.ts";

export type RegistryErrorCode =
  /** A reference does not have the form `HOST/NAME:TAG` or `HOST/NAME@sha256:…`. */
  | "REFERENCE_INVALID"
  /** `--offline`, and a registry would have to be asked. */
  | "REGISTRY_OFFLINE"
  /** The registry cannot be reached, breaks off, or is too slow. */
  | "REGISTRY_UNREACHABLE"
  /** The registry's certificate is not one that this machine trusts, or a certificate file cannot be used. */
  | "REGISTRY_UNTRUSTED"
  /** The registry wants other credentials, or any. */
  | "REGISTRY_UNAUTHORIZED"
  /** The credentials do not allow what was asked. */
  | "REGISTRY_DENIED"
  /** A file with credentials cannot be understood. */
  | "CREDENTIALS_INVALID"
  /** The registry has no such repository, tag or manifest. */
  | "MANIFEST_UNKNOWN"
  /** The registry refuses a manifest. */
  | "MANIFEST_INVALID"
  /** The registry does not have a blob that it should have. */
  | "BLOB_UNKNOWN"
  /** What the registry sent or stored does not have the digest that was asked for. */
  | "DIGEST_MISMATCH"
  /** The registry asks for a longer pause than is sensible to wait, or again and again. */
  | "RATE_LIMITED"
  /** A blob could not be uploaded. */
  | "UPLOAD_FAILED"
  /** The registry answers with something that its specification does not know. */
  | "REGISTRY_FAULTY";

const HINTS: Partial<Readonly<Record<RegistryErrorCode, string>>> = {
  MANIFEST_UNKNOWN: "Check the name and the tag, and that the login may read them",
  MANIFEST_INVALID: "See what the registry says, and whether it takes this kind of manifest",
  BLOB_UNKNOWN: "The image in the registry is not whole: push it again",
  UPLOAD_FAILED: "Try again: blobs that were uploaded are not sent again",
  REGISTRY_FAULTY: "See that this is the address of a registry; if it is, tell who runs it",
};

/** What can be done about an error of which nothing more is known than its code. */
export function hintFor(code: RegistryErrorCode): string | undefined {
  return HINTS[code];
}

/** Thrown by the registry client. No message, hint or cause has a secret in it. */
export class RegistryError extends TareError<RegistryErrorCode> {}
