import type { StrictPages } from "./strict-pages.js";

/** The places of the parts of `StrictPages` that the module reads, in bytes from the start of the tables. */
export function placesOf({ words, masks, kinds }: StrictPages) {
  const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;
  const masksAt = words.addresses.byteLength;
  const kindsAt = masksAt + aligned(masks.length);
  return { addresses: 0, masks: masksAt, kinds: kindsAt, size: kindsAt + aligned(kinds.length) };
}

/** Bytes of the tables that all threads read. */
export function strictTablesSize(strict: StrictPages): number {
  return placesOf(strict).size;
}

/** Writes the tables to `into`, whose address must be a multiple of 8. */
export function writeStrictTables(strict: StrictPages, into: Uint8Array): void {
  const places = placesOf(strict);
  const { addresses } = strict.words;
  const view = new DataView(into.buffer, into.byteOffset, addresses.byteLength);
  for (let i = 0; i < addresses.length; i++) view.setFloat64(i * 8, addresses[i] as number, true);
  into.set(strict.masks, places.masks);
  into.set(strict.kinds, places.kinds);
}
