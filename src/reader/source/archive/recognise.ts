import { checksumFits, TAR_BLOCK, tarNumber } from "./tar-fields.js";

/** The beginning of an ar archive. */
export const AR_MAGIC = "!<arch>\n";

/** Whether this is the head of a tar archive. The checksum decides, because the oldest form has no magic. */
export function isTar(head: Uint8Array): boolean {
  return head.length >= TAR_BLOCK && head[0] !== 0 && tarNumber(head, 124, 12) !== undefined && checksumFits(head);
}

/** Whether this is the head of a zip archive, or of a file in one. */
export function isZip(head: Uint8Array): boolean {
  return head.length >= 30 && Buffer.from(head.subarray(0, 4)).toString("latin1") === "PK\x03\x04";
}

/** Whether this is the head of an ar archive. */
export function isAr(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, AR_MAGIC.length)).toString("latin1") === AR_MAGIC;
}

/** Whether this is the head of an RPM package. */
export function isRpm(head: Uint8Array): boolean {
  return head[0] === 0xed && head[1] === 0xab && head[2] === 0xee && head[3] === 0xdb;
}

/** Whether this is the head of a cpio archive. */
export function isCpio(head: Uint8Array): boolean {
  return /^07070[12][0-9a-fA-F]{8}/.test(Buffer.from(head.subarray(0, 14)).toString("latin1"));
}
