import { createHash } from "node:crypto";
import { crc32 as crc32Of } from "node:zlib";
import type { StoredPart } from "./store-types.js";

/** The MD5 of bytes; `undefined` if the system forbids it (FIPS). */
export function md5(bytes: Uint8Array): Buffer | undefined {
  try {
    return createHash("md5").update(bytes).digest();
  } catch {
    return undefined;
  }
}

/**
 * Whether a stored part has these bytes: compares size and MD5, or, if the ETag is not an MD5 (SSE-KMS), the CRC-32.
 */
export function isSame({ size, etag, crc32 }: StoredPart, bytes: Uint8Array): boolean {
  if (size !== bytes.length) return false;
  if (md5(bytes)?.toString("hex") === etag.replaceAll('"', "")) return true;
  if (crc32 === undefined) return false;
  return crc32Text(bytes) === crc32;
}

/** The CRC-32 of bytes in the form of S3. */
export function crc32Text(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32Of(bytes));
  return sum.toString("base64");
}

/** The ETag that S3 gives an object of these parts: the MD5 of their MD5s, and their number. */
export function compositeEtag(parts: readonly StoredPart[]): string | undefined {
  const digests = parts.map(({ etag }) => etag.replaceAll('"', ""));
  if (!digests.every((one) => /^[0-9a-f]{32}$/.test(one))) return undefined;
  const digest = md5(Buffer.from(digests.join(""), "hex"));
  return digest && `"${digest.toString("hex")}-${parts.length}"`;
}
