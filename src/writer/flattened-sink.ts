import { FLATTENED_HEADER_SIZE, FLATTENED_SIGNATURE, RECORD_HEADER_SIZE } from "../reader/flattened/records.js";
import type { ByteTarget } from "./byte-target.js";
import type { Sink } from "./sink.js";

/**
 * Turns a dump into makedumpfile's flattened format, which needs no seeking: "put these bytes at this offset" records,
 * to be put together by `makedumpfile -R`, or read as they are by crash and coresieve. Throws what the target does.
 */
export function createFlattenedSink(target: ByteTarget): Sink {
  let end = 0;
  const begin = started(() => target.write(header()));
  begin.catch(() => undefined);
  const record = async (bytes: Uint8Array, offset: number) => {
    await begin;
    const head = Buffer.alloc(RECORD_HEADER_SIZE);
    head.writeBigInt64BE(BigInt(offset), 0);
    head.writeBigInt64BE(BigInt(bytes.length), 8);
    // Both at once: waiting for the head would cost a turn of the event loop per record. If it fails, so do the bytes.
    void started(() => target.write(head)).catch(() => undefined);
    await target.write(bytes);
    end = Math.max(end, offset + bytes.length);
  };
  return {
    name: target.name,
    // A record without bytes would end the stream for its readers.
    write: (bytes, offset) => (bytes.length === 0 ? undefined : record(bytes, offset)),
    async finish(size) {
      // Readers learn the length from the last byte: a dump that ends in zeros needs one.
      if (end < size) await record(new Uint8Array(1), size - 1);
      await target.write(new Uint8Array(RECORD_HEADER_SIZE).fill(0xff));
      return target.finish();
    },
    // Without the end marker every reader knows that what was sent is not whole.
    abort: () => target.abort(),
    leftBehind: () => target.leftBehind?.(),
  };
}

async function started(write: () => void | Promise<void>): Promise<void> {
  await write();
}

function header(): Uint8Array {
  const bytes = Buffer.alloc(FLATTENED_HEADER_SIZE);
  bytes.write(FLATTENED_SIGNATURE, 0, "latin1");
  bytes.writeBigInt64BE(1n, 16);
  bytes.writeBigInt64BE(1n, 24);
  return bytes;
}
