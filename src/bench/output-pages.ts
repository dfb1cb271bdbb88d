import { countBits, sharedBitmap } from "../reader/bitmap.js";
import { fillBitmaps, openDump } from "../reader/open.js";

/** Pages of an output. */
export interface OutputPages {
  readonly kept: Uint8Array;
  readonly maxMapnr: number;
  readonly pages: number;
}

/** Which pages a filtered dump has. Zero pages count: they are there without taking room. Throws what `openDump` does. */
export function outputPages(path: string): OutputPages {
  const dump = openDump(path);
  try {
    const exists = sharedBitmap(dump.maxMapnr);
    const kept = sharedBitmap(dump.maxMapnr);
    fillBitmaps(dump.image, { exists, data: kept });
    return { kept, maxMapnr: dump.maxMapnr, pages: countBits(kept, 0, dump.maxMapnr) };
  } finally {
    dump.close();
  }
}
