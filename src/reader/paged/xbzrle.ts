/**
 * Changes a page by QEMU's XBZRLE data: pairs of two lengths in LEB128, of bytes that stay and of new bytes, followed
 * by the new bytes (docs/devel/migration of QEMU). Returns false if they reach beyond the page or end within a pair.
 */
export function applyXbzrle(data: Uint8Array, page: Uint8Array): boolean {
  let at = 0;
  let to = 0;
  /**
   * Reads a length of at most two bytes of LEB128, 14 bits: QEMU's pages have at most 64 KiB, and it does not pack
   * pages with longer runs.
   */
  const length = (): number => {
    let value = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = data[at++];
      if (byte === undefined) return Number.NaN;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < data.length) {
    to += length();
    // The last pair may have no new bytes.
    if (at === data.length) return to <= page.length;
    const n = length();
    if (!(to + n <= page.length && at + n <= data.length)) return false;
    page.set(data.subarray(at, at + n), to);
    at += n;
    to += n;
  }
  return true;
}
