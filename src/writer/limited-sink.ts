import { checkLimit } from "./byte-target.js";
import type { Sink } from "./sink.js";

/**
 * A sink that accepts at most `limit` bytes: a write that would make the file larger throws `SIZE_LIMIT`, and nothing
 * of it is written.
 */
export function limitedSink(sink: Sink, limit: number): Sink {
  return {
    ...sink,
    write(bytes, offset) {
      checkLimit(sink.name, offset + bytes.length, limit);
      return sink.write(bytes, offset);
    },
    finish(size) {
      checkLimit(sink.name, size, limit);
      return sink.finish(size);
    },
  };
}
