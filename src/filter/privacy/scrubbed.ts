import type { SpanList } from "../erase/spans.js";

/** Kinds of users' data that are overwritten with zeros in kept pages. */
export const SCRUBBED = [
  "free-objects",
  "slab-padding",
  "percpu-areas",
  "socket-buffers",
  "messages",
  "path-names",
  "keys",
  "unwritten",
  "old-frames",
  "screens",
  "tty-audit",
  "bpf-maps",
  "driver-buffers",
  "registers",
  "vector-registers",
  "tty",
  "log",
  "host",
] as const;

/** One of `SCRUBBED`. */
export type Scrubbed = (typeof SCRUBBED)[number];

/** The pieces of one kind. */
export interface ScrubList {
  readonly list: SpanList;
  objects: number;
}
