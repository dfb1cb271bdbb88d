import { DumpError } from "../errors.js";
import { FLATTENED_HEADER_SIZE, RECORD_HEADER_SIZE } from "../reader/flattened/records.js";
import type { Sink } from "./sink.js";

/**
 * A sink that takes `limit` bytes: a write that would make the output larger throws `SIZE_LIMIT`, and nothing of it is written.
 * Of a flattened stream all that is sent counts.
 */
export function limitedSink(sink: Sink, limit: number, flattened: boolean): Sink {
  let sent = FLATTENED_HEADER_SIZE + RECORD_HEADER_SIZE;
  const check = (size: number) => {
    if (size <= limit) return;
    throw new DumpError("SIZE_LIMIT", `would be larger than ${limit} bytes`, {
      file: sink.name,
      cure: "Allow more (-L), drop more (-d 31), compress (-c), or name levels to fall back to (-d 1,31)",
    });
  };
  return {
    ...sink,
    write(bytes, offset) {
      if (flattened) {
        sent += bytes.length + RECORD_HEADER_SIZE;
        check(sent);
      } else check(offset + bytes.length);
      return sink.write(bytes, offset);
    },
    finish(size) {
      if (!flattened) check(size);
      return sink.finish(size);
    },
  };
}
