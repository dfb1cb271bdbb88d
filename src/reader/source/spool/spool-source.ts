import { createWasmMemory, loadDecodeModule } from "../../../codec/wasm/decode/load.js";
import { DumpError } from "../../../errors.js";
import { OPTION } from "../../../option-words.js";
import { type ByteSource, type FileHandle, fileSource } from "../byte-source.js";
import { LZ4_LENGTH_SIZE } from "../packed/lz4-block.js";
import { chunkLength, SPOOL_CHUNK, type SpoolIndex } from "./spool-index.js";

/** Unpacked chunks that are kept: page tables, struct pages and their pages are read in turn. 512 KiB. */
const HELD = 4;

/** The bytes of a spooled stream, at any offset. `file` is the spool file under the stream's name. */
export function spoolSource(file: FileHandle, { size, ends }: SpoolIndex): ByteSource {
  const stored = fileSource({ ...file, size: ends.at(-1) ?? 0 });
  const memory = createWasmMemory((HELD + 1) * SPOOL_CHUNK);
  const bytes = new Uint8Array(memory.buffer);
  const kernel = loadDecodeModule("lz4", memory);
  const packed = bytes.subarray(HELD * SPOOL_CHUNK, (HELD + 1) * SPOOL_CHUNK);
  const held = new Array<number>(HELD).fill(-1);
  let turn = 0;

  /** Unpacks a chunk, if necessary; returns where in `bytes` it is. */
  const unpack = (chunk: number, start: number, end: number): number => {
    const known = held.indexOf(chunk);
    if (known >= 0) return known * SPOOL_CHUNK;
    const place = turn;
    turn = (turn + 1) % HELD;
    held[place] = -1;
    const at = place * SPOOL_CHUNK;
    const length = chunkLength(size, chunk);
    const raw = end - start === length;
    const into = raw ? bytes.subarray(at, at + length) : packed.subarray(0, end - start);
    const there = stored.read(into, start) === into.length;
    const from = packed.byteOffset + LZ4_LENGTH_SIZE;
    const n = raw ? length : kernel.decompress(from, end - start - LZ4_LENGTH_SIZE, at, length, 0);
    if (!there || n !== length) throw spoolChanged(file.path, chunk);
    held[place] = chunk;
    return at;
  };

  return {
    name: file.path,
    size,
    read(into, offset) {
      const length = Math.max(0, Math.min(into.length, size - offset));
      for (let done = 0; done < length; ) {
        const chunk = Math.floor((offset + done) / SPOOL_CHUNK);
        const within = offset + done - chunk * SPOOL_CHUNK;
        const n = Math.min(SPOOL_CHUNK - within, length - done);
        const start = chunk === 0 ? 0 : (ends[chunk - 1] as number);
        const end = ends[chunk] as number;
        if (start === end) into.fill(0, done, done + n);
        else {
          const at = unpack(chunk, start, end) + within;
          into.set(bytes.subarray(at, at + n), done);
        }
        done += n;
      }
      return length;
    },
    zerosEnd(offset) {
      let chunk = Math.floor(offset / SPOOL_CHUNK);
      const isZero = () => chunk < ends.length && (ends[chunk] as number) === (ends[chunk - 1] ?? 0);
      if (!isZero()) return offset;
      while (isZero()) chunk++;
      return Math.min(chunk * SPOOL_CHUNK, size);
    },
  };
}

function spoolChanged(name: string, chunk: number): DumpError {
  return new DumpError("NOT_READABLE", `its temporary file does not have chunk ${chunk} as it was written`, {
    file: name,
    cure: `Something else wrote to it, or the disk is failing: try another folder (${OPTION.spoolDir})`,
  });
}
