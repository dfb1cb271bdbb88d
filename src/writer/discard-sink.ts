import type { Sink } from "./sink.js";

/** A sink that accepts a dump and keeps nothing: for runs that only find out what would be written. */
export function discardSink(name: string): Sink {
  return {
    name,
    write: () => undefined,
    finish: async () => undefined,
    abort: async () => undefined,
  };
}
