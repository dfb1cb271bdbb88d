import { fillBitmaps, stretchesOf } from "../reader/attach.js";
import { countBits, type PageBitmap, sharedBitmap } from "../reader/bitmap.js";
import { openDump } from "../reader/open.js";

/** Pages of an output. */
export interface OutputPages {
  readonly kept: PageBitmap;
  readonly maxMapnr: number;
  readonly pages: number;
}

/** The pages of a filtered dump. Zero pages count, although they take no room. Throws what `openDump` throws. */
export function outputPages(path: string): OutputPages {
  const dump = openDump(path);
  try {
    const stretches = stretchesOf(dump.image);
    const exists = sharedBitmap(stretches);
    const kept = sharedBitmap(stretches);
    fillBitmaps(dump.image, { exists, data: kept });
    return { kept, maxMapnr: dump.maxMapnr, pages: countBits(kept, 0, dump.maxMapnr) };
  } finally {
    dump.close();
  }
}
