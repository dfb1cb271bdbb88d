import { bitPlaceOf, placesIn, type Stretches, stretchAt } from "./stretches.js";

/** One byte per page, for the pages of some stretches, in shared memory: 256 MiB per TiB of 4 KiB pages that exist. Plain data. */
export interface PageBytes {
  readonly stretches: Stretches;
  /** Indexed by place, like the bits of a bitmap of the same stretches. */
  readonly bytes: Uint8Array;
}

/** Page bytes of 0. */
export function sharedPageBytes(stretches: Stretches): PageBytes {
  return { stretches, bytes: new Uint8Array(new SharedArrayBuffer(placesIn(stretches))) };
}

/** The byte of a page that has a place. */
export function pageByte({ stretches, bytes }: PageBytes, pfn: number): number {
  return bytes[bitPlaceOf(stretches, pfn)] as number;
}

/** Copies bytes for consecutive pages of one stretch, from `pfn` on. */
export function setPageBytes({ stretches, bytes }: PageBytes, from: Uint8Array, pfn: number): void {
  bytes.set(from, bitPlaceOf(stretches, pfn));
}

/** Sets the byte of those pages in [start, end) that have a place. */
export function fillPageBytes({ stretches, bytes }: PageBytes, value: number, start: number, end: number): void {
  for (let i = stretchAt(stretches, start); i < stretches.count && (stretches.start[i] as number) < end; i++) {
    const shift = (stretches.source[i] as number) - (stretches.start[i] as number);
    const first = Math.max(start, stretches.start[i] as number);
    bytes.fill(value, first + shift, Math.min(end, stretches.end[i] as number) + shift);
  }
}
