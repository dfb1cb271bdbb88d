// Where the frames of a zstd stream end (RFC 8878).
import type { ByteQueue } from "./byte-queue.js";

const FRAME = 0xfd2fb528;
/** Magic numbers of skippable frames are 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE = 0x184d2a5;
const MAGIC = 4;
const BLOCK_HEADER = 3;
const CHECKSUM = 4;
/**
 * Bytes of a piece: those of a skippable frame are no longer. Blocks are gathered up to this, because one may be three
 * bytes long; the last of them may go beyond it.
 */
const PIECE = 65_536;

const RLE = 1;
const RESERVED = 3;

/**
 * A zstd stream in pieces of which none goes beyond the end of a frame. Node's own stream (24.21) takes the end of a
 * frame for the end of all when bytes follow in the same piece: they would be lost without an error. Damage is passed
 * on as it is, for what unpacks it to find.
 */
export async function* frameByFrame(queue: ByteQueue): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const head = await queue.peek(MAGIC + 4);
    if (head.length < MAGIC + 4) break;
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    const magic = view.getUint32(0, true);
    if (magic >>> 4 === SKIPPABLE) {
      for (let left = MAGIC + 4 + view.getUint32(MAGIC, true); left > 0; ) {
        const piece = await queue.take(Math.min(left, PIECE));
        if (piece.length === 0) return;
        left -= piece.length;
        yield piece;
      }
    } else if (magic === FRAME) {
      if (!(yield* frame(queue, view.getUint8(MAGIC)))) break;
    } else break;
  }
  yield* queue.rest();
}

/** One frame, in pieces of whole blocks. Returns whether its end was found. */
async function* frame(queue: ByteQueue, descriptor: number): AsyncGenerator<Uint8Array, boolean, undefined> {
  let start = MAGIC + headerSize(descriptor);
  for (;;) {
    const { end, more } = blocksIn(await queue.peek(PIECE), start, (descriptor & 4) !== 0);
    if (more === undefined) return false;
    yield await queue.take(end);
    if (!more) return true;
    start = 0;
  }
}

/**
 * Where the last of the blocks ends that begin in these bytes, and whether more follow; `undefined` if that cannot be
 * known, for damage or because the stream ends.
 */
function blocksIn(bytes: Uint8Array, start: number, hasSum: boolean): { end: number; more: boolean | undefined } {
  let end = start;
  while (end + BLOCK_HEADER <= bytes.length) {
    const [low, middle, high] = [bytes[end] as number, bytes[end + 1] as number, bytes[end + 2] as number];
    const type = (low >> 1) & 3;
    if (type === RESERVED) return { end, more: undefined };
    end += BLOCK_HEADER + (type === RLE ? 1 : (low | (middle << 8) | (high << 16)) >> 3);
    if ((low & 1) !== 0) return { end: end + (hasSum ? CHECKSUM : 0), more: false };
  }
  return { end, more: bytes.length < PIECE ? undefined : true };
}

/** Bytes of a frame's header behind the magic number: the descriptor, and what it says that follows. */
function headerSize(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0;
  const window = isSingle ? 0 : 1;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const content = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return 1 + window + dictionary + content;
}
