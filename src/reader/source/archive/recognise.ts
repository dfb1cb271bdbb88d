import { checksumFits, TAR_BLOCK, tarNumber } from "./tar-fields.js";

/** With what an ar archive begins. */
export const AR_MAGIC = "!<arch>\n";

/** Whether a tar archive begins so: by its checksum, for the oldest form has no magic. */
export function isTar(head: Uint8Array): boolean {
  return head.length >= TAR_BLOCK && head[0] !== 0 && tarNumber(head, 124, 12) !== undefined && checksumFits(head);
}

/** Whether a zip archive begins so, or a file in one. */
export function isZip(head: Uint8Array): boolean {
  return head.length >= 30 && Buffer.from(head.subarray(0, 4)).toString("latin1") === "PK\x03\x04";
}

/** Whether an ar archive begins so. */
export function isAr(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, AR_MAGIC.length)).toString("latin1") === AR_MAGIC;
}

/** Whether an RPM package begins so. */
export function isRpm(head: Uint8Array): boolean {
  return head[0] === 0xed && head[1] === 0xab && head[2] === 0xee && head[3] === 0xdb;
}

/** Whether a cpio archive begins so. */
export function isCpio(head: Uint8Array): boolean {
  return /^07070[12][0-9a-fA-F]{8}/.test(Buffer.from(head.subarray(0, 14)).toString("latin1"));
}
