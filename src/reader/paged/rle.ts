/**
 * Unpacks LKCD's run lengths: a byte 0 is followed by a count and the byte that is repeated; a count of 0 stands for
 * one byte 0. Any other byte stands for itself. Returns false for data that do not fill the page exactly.
 */
export function unpackRle(packed: Uint8Array, page: Uint8Array): boolean {
  let to = 0;
  for (let from = 0; from < packed.length; ) {
    const byte = packed[from++] as number;
    const count = byte === 0 ? packed[from++] : 1;
    if (count === undefined) return false;
    if (byte !== 0 || count === 0) {
      if (to === page.length) return false;
      page[to++] = byte;
      continue;
    }
    const value = packed[from++];
    if (value === undefined || to + count > page.length) return false;
    page.fill(value, to, to + count);
    to += count;
  }
  return to === page.length;
}
