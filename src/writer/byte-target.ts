import { formatBytes } from "../byte-size.js";
import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import type { Sink } from "./sink.js";

/** A destination for bytes that come in order. */
export interface ByteTarget {
  /** Its name in messages. */
  readonly name: string;
  /**
   * Appends bytes. The bytes of a call follow those of earlier calls, even if these are not done. The caller may reuse
   * `bytes` when the write is done. Throws `NO_SPACE`, `NOT_WRITABLE`, `SIZE_LIMIT`, `ABORTED`.
   */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Everything was written: makes the output appear. Returns its number of bytes. */
  finish(): Promise<number>;
  /** The run failed: discards the output. Never throws. */
  abort(): Promise<void>;
  /** After `abort`: what could not be removed. */
  leftBehind?(): string | undefined;
}

/** A sink that is written from its beginning to its end. */
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

/** Accepts at most `limit` bytes: a write beyond that throws `SIZE_LIMIT`, and nothing of it is written. */
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

/** Throws `SIZE_LIMIT` if `size` is above the limit. */
export function checkLimit(name: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw new DumpError("SIZE_LIMIT", `would be larger than ${formatBytes(limit)}`, {
    file: name,
    cure: `Allow more (${OPTION.sizeLimit}), drop more (${OPTION.level31}), compress (${OPTION.zlib}), or name levels to fall back to (${OPTION.fallback})`,
  });
}
