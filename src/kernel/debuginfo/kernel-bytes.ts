import type { KernelMemory } from "../kernel-memory.js";

/**
 * Up to `length` bytes from `vaddr` on: as many as there are before the first page that is missing. Reads in steps what
 * is not there whole, so that a wrong length costs little memory.
 */
export function readUpTo(memory: KernelMemory, vaddr: bigint, length: number): Uint8Array {
  // Most is, and then need not be put together.
  const whole = length <= WHOLE ? memory.readView(vaddr, length) : undefined;
  if (whole !== undefined) return new Uint8Array(whole.buffer, whole.byteOffset, length);
  const parts: Uint8Array[] = [];
  let done = 0;
  let step = STEP;
  while (done < length) {
    // Up to the next multiple of `step`, so that no step reads a page more than it needs.
    const n = Math.min(step - Number((vaddr + BigInt(done)) % BigInt(step)), length - done);
    const view = memory.readView(vaddr + BigInt(done), n);
    if (view !== undefined) {
      parts.push(new Uint8Array(view.buffer, view.byteOffset, n));
      done += n;
    } else if (step > memory.pageSize) {
      step = memory.pageSize;
    } else {
      break;
    }
  }
  return Buffer.concat(parts);
}

const STEP = 1 << 20;
/** The types of Debian's kernels have 3 to 6 MB. */
const WHOLE = 8 * STEP;

/**
 * Calls `use` with each piece of [start, start + length) that the dump has, until it returns true. Pieces overlap by
 * `overlap` bytes, so that a pattern of that length is always whole in one of them.
 */
export function scanMemory(
  memory: KernelMemory,
  start: bigint,
  length: number,
  overlap: number,
  use: (bytes: Buffer, vaddr: bigint) => boolean,
): void {
  const end = start + BigInt(length);
  const page = BigInt(memory.pageSize);
  let at = start;
  while (at < end) {
    const wanted = Math.min(PIECE, Number(end - at));
    // Tries one byte first, so that most of a hole is skipped page by page.
    const bytes = memory.readView(at, 1) === undefined ? new Uint8Array() : readUpTo(memory, at, wanted);
    if (bytes.length > 0 && use(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at)) return;
    const next = at + BigInt(bytes.length);
    if (bytes.length < wanted) at = (next / page + 1n) * page;
    else if (next >= end) return;
    else at = next - BigInt(overlap);
  }
}

const PIECE = 4 * STEP;
