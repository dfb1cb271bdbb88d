import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import type { Sink } from "./sink.js";

/** Where bytes go one after the other. */
export interface ByteTarget {
  /** For messages. */
  readonly name: string;
  /**
   * Appends. Bytes of one call come behind those of the calls before it, whether those are done or not; the caller may reuse
   * `bytes` when the write is done. Throws `NO_SPACE`, `NOT_WRITABLE`, `SIZE_LIMIT`, `ABORTED`.
   */
  write(bytes: Uint8Array): void | Promise<void>;
  /** That was all: make it appear. Returns how many bytes there are. */
  finish(): Promise<number>;
  /** The run failed. Never throws. */
  abort(): Promise<void>;
  /** After `abort`: what is there all the same. */
  leftBehind?(): string | undefined;
}

/** A sink that is filled from its beginning to its end. */
export function sinkTarget(sink: Sink): ByteTarget {
  let size = 0;
  sink.ascendingFrom?.(0);
  return {
    name: sink.name,
    write(bytes) {
      size += bytes.length;
      return sink.write(bytes, size - bytes.length);
    },
    async finish() {
      await sink.finish(size);
      return size;
    },
    abort: () => sink.abort(),
    leftBehind: () => sink.leftBehind?.(),
  };
}

/** Takes `limit` bytes: a write beyond throws `SIZE_LIMIT`, and nothing of it is written. */
export function limitedTarget(target: ByteTarget, limit: number): ByteTarget {
  let size = 0;
  return {
    ...target,
    write(bytes) {
      size += bytes.length;
      checkLimit(target.name, size, limit);
      return target.write(bytes);
    },
  };
}

/** Throws `SIZE_LIMIT`. */
export function checkLimit(name: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw new DumpError("SIZE_LIMIT", `would be larger than ${limit} bytes`, {
    file: name,
    cure: `Allow more (${OPTION.sizeLimit}), drop more (${OPTION.level31}), compress (${OPTION.zlib}), or name levels to fall back to (${OPTION.fallback})`,
  });
}
