import { FLATTENED_HEADER_SIZE, FLATTENED_SIGNATURE, RECORD_HEADER_SIZE } from "../reader/flattened/records.js";
import type { ByteTarget } from "./byte-target.js";
import type { Sink } from "./sink.js";

/**
 * Turns a dump into makedumpfile's flattened format, which needs no seeking: records that say "put these bytes at this
 * offset". `makedumpfile -R` puts them together; crash and coresieve read them directly. Throws what the target throws.
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
    // Both writes start at once: waiting for the head would cost a turn of the event loop per record. If the head
    // fails, the bytes fail too.
    void started(() => target.write(head)).catch(() => undefined);
    await target.write(bytes);
    end = Math.max(end, offset + bytes.length);
  };
  return {
    name: target.name,
    // For readers a record without bytes would end the stream.
    write: (bytes, offset) => (bytes.length === 0 ? undefined : record(bytes, offset)),
    async finish(size) {
      // Readers get the length from the last byte, so a dump that ends in zeros needs one.
      if (end < size) await record(new Uint8Array(1), size - 1);
      await target.write(new Uint8Array(RECORD_HEADER_SIZE).fill(0xff));
      return target.finish();
    },
    // Without the end marker, every reader knows that the stream is incomplete.
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
