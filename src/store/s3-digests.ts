import { createHash } from "node:crypto";
import { crc32 as crc32Of } from "node:zlib";
import type { StoredPart } from "./store-types.js";

/** The MD5 of some bytes; `undefined` where the system forbids it (FIPS). */
export function md5(bytes: Uint8Array): Buffer | undefined {
  try {
    return createHash("md5").update(bytes).digest();
  } catch {
    return undefined;
  }
}

/** Whether a part that the store has is of these bytes: by size and MD5, or where the ETag is none (SSE-KMS) by CRC-32. */
export function isSame({ size, etag, crc32 }: StoredPart, bytes: Uint8Array): boolean {
  if (size !== bytes.length) return false;
  if (md5(bytes)?.toString("hex") === etag.replaceAll('"', "")) return true;
  if (crc32 === undefined) return false;
  return crc32Text(bytes) === crc32;
}

/** The CRC-32 of some bytes, as S3 writes it. */
export function crc32Text(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32Of(bytes));
  return sum.toString("base64");
}

/** The ETag that S3 gives an object of these parts: of their MD5s the MD5, and how many they are. */
export function compositeEtag(parts: readonly StoredPart[]): string | undefined {
  const digests = parts.map(({ etag }) => etag.replaceAll('"', ""));
  if (!digests.every((one) => /^[0-9a-f]{32}$/.test(one))) return undefined;
  const digest = md5(Buffer.from(digests.join(""), "hex"));
  return digest && `"${digest.toString("hex")}-${parts.length}"`;
}
