/** "QEVM". */
const STREAM_MAGIC = 0x5145564d;

/** Whether a file with this head is a migration stream. */
export function isMigrationStream(head: Uint8Array): boolean {
  if (head.length < 8) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0) === STREAM_MAGIC;
}
