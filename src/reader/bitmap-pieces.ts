import type { PageBitmap } from "./bitmap.js";
import type { Stretches } from "./stretches.js";

/** A bitmap whose bytes come one piece after the other, so that it need not be in memory as a whole: 32 MiB per TiB. */
export interface BitmapPieces {
  readonly stretches: Stretches;
  /** The bytes of a `PageBitmap` from the first to the last; a piece is valid until the next one is asked for. */
  pieces(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A bitmap in memory, as one piece. */
export function asPieces({ stretches, bytes }: PageBitmap): BitmapPieces {
  return { stretches, pieces: () => [bytes] };
}

/** Bytes of a piece that lie in one stretch. */
export interface PieceOfStretch {
  /** The page of the first bit. */
  readonly pfn: number;
  readonly bytes: Uint8Array;
}

/** The pieces of a bitmap from a page on, each cut where its stretches end. Throws what `pieces` throws. */
export async function* bitmapFrom(firstPfn: number, bitmap: BitmapPieces): AsyncGenerator<PieceOfStretch> {
  const { count, start: starts, end: ends, source } = bitmap.stretches;
  /** The place of the piece's first bit. */
  let place = 0;
  for await (const piece of bitmap.pieces()) {
    const after = place + 8 * piece.length;
    for (let i = 0; i < count; i++) {
      const shift = (source[i] as number) - (starts[i] as number);
      const first = Math.max(place, Math.max(firstPfn, starts[i] as number) + shift);
      const last = Math.min(after, (ends[i] as number) + shift);
      if (first >= last) continue;
      yield { pfn: first - shift, bytes: piece.subarray((first - place) / 8, Math.ceil((last - place) / 8)) };
    }
    place = after;
  }
}
