import { countBits, sharedBitmap } from "../../dist/reader/bitmap.js";
import { fillBitmaps, openDump } from "../../dist/reader/open.js";

/** Opens a filtered dump: which pages it has. Zero pages count: they are there without taking room. */
export function keptPages(path) {
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
