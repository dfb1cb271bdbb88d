import type { DumpError } from "../../../errors.js";
import { decimalOf, TAR_BLOCK, tarNumber } from "./tar-fields.js";

/** Where the bytes of a sparse member belong. Between them are zeros, up to its size. */
export interface SparseMap {
  readonly size: number;
  readonly pieces: readonly { readonly offset: number; readonly length: number }[];
}

/** Enough for a file of a TiB in pieces of 256 KiB. */
const MAX_PIECES = 2 ** 22;
const ZEROS = new Uint8Array(65536);

/**
 * The map of a sparse member, in any of the four forms that GNU tar writes; `undefined` for other members. `take` reads
 * the parts of the map behind the header. Throws what `damaged` makes, and what `take` throws.
 */
export async function sparseMapOf(
  header: Uint8Array,
  pax: ReadonlyMap<string, string>,
  take: (length: number) => Promise<Uint8Array>,
  damaged: (what: string) => DumpError,
): Promise<SparseMap | undefined> {
  const pieces: { offset: number; length: number }[] = [];
  let size: number | undefined;
  const put = (offset: number | undefined, length: number | undefined) => {
    if (offset === undefined || length === undefined) throw damaged("a sparse member with a damaged map");
    if (pieces.length === MAX_PIECES) throw damaged(`a sparse member of more than ${MAX_PIECES} pieces`);
    pieces.push({ offset, length });
  };
  if (header[156] === 0x53) {
    size = tarNumber(header, 483, 12);
    for (let i = 0; i < 4 && header[386 + 24 * i] !== 0; i++)
      put(tarNumber(header, 386 + 24 * i, 12), tarNumber(header, 398 + 24 * i, 12));
    for (let more = header[482] === 1; more; ) {
      const block = (await take(TAR_BLOCK)).slice();
      for (let i = 0; i < 21 && block[24 * i] !== 0; i++)
        put(tarNumber(block, 24 * i, 12), tarNumber(block, 24 * i + 12, 12));
      more = block[504] === 1;
    }
  } else if (pax.get("GNU.sparse.major") === "1") {
    size = decimalOf(pax.get("GNU.sparse.realsize"));
    const next = decimals(take, damaged);
    const count = await next();
    for (let i = 0; i < count; i++) put(await next(), await next());
  } else if (pax.has("GNU.sparse.size") || pax.has("GNU.sparse.map")) {
    size = decimalOf(pax.get("GNU.sparse.size"));
    const list = (key: string) => (pax.get(key) ?? "").split(",").filter((word) => word !== "");
    const map = list("GNU.sparse.map");
    const [offsets, lengths] = [list("GNU.sparse.offset"), list("GNU.sparse.numbytes")];
    for (let i = 0; i + 1 < map.length; i += 2) put(decimalOf(map[i]), decimalOf(map[i + 1]));
    offsets.forEach((offset, i) => {
      put(decimalOf(offset), decimalOf(lengths[i]));
    });
  } else return undefined;
  if (size === undefined) throw damaged("a sparse member of unknown size");
  return { size, pieces };
}

/** Reads numbers, one per line, in whole blocks before the member's bytes. */
function decimals(
  take: (length: number) => Promise<Uint8Array>,
  damaged: (what: string) => DumpError,
): () => Promise<number> {
  let block = new Uint8Array(0);
  let at = 0;
  return async () => {
    for (let digits = ""; digits.length < 16; ) {
      if (at === block.length) {
        block = new Uint8Array(await take(TAR_BLOCK));
        at = 0;
      }
      const byte = block[at++] as number;
      if (byte !== 0x0a) digits += String.fromCharCode(byte);
      else {
        const value = decimalOf(digits);
        if (value === undefined) break;
        return value;
      }
    }
    throw damaged("a sparse member with a damaged map");
  };
}

/**
 * The bytes of a sparse member with its zeros. Throws what `damaged` makes if the map goes backwards or does not fit.
 */
export async function* sparseChunks(
  { size, pieces }: SparseMap,
  stored: AsyncGenerator<Uint8Array, void, undefined>,
  damaged: (what: string) => DumpError,
): AsyncGenerator<Uint8Array, void, undefined> {
  let position = 0;
  let piece = new Uint8Array(0) as Uint8Array;
  for (const { offset, length } of [...pieces, { offset: size, length: 0 }]) {
    if (offset < position || offset + length > size)
      throw damaged("a sparse member whose map goes backwards, or behind its end");
    for (; position < offset; position += Math.min(ZEROS.length, offset - position)) {
      yield ZEROS.subarray(0, Math.min(ZEROS.length, offset - position));
    }
    for (let left = length; left > 0; ) {
      if (piece.length === 0) {
        const { value, done } = await stored.next();
        if (done === true) throw damaged("a sparse member that is shorter than its map says");
        piece = value;
      }
      const part = piece.subarray(0, left);
      piece = piece.subarray(part.length);
      left -= part.length;
      position += part.length;
      yield part;
    }
  }
}
