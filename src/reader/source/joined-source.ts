import type { ByteSource } from "./byte-source.js";
import { attachSource, type SourceImage } from "./source-image.js";

/** Number of bytes of an input file for its reader: for a flattened file, those of the inner file. */
export function sourceSize({ file, flattened }: SourceImage): number {
  return flattened === undefined ? file.size : flattened.size;
}

/** Where each input file begins if all are joined. */
function startsOf(sources: readonly SourceImage[]): number[] {
  let at = 0;
  return sources.map((source) => {
    const start = at;
    at += sourceSize(source);
    return start;
  });
}

/** The bytes of several input files, one after the other. */
export function joinedSource(sources: readonly SourceImage[]): ByteSource {
  const [only] = sources;
  if (sources.length === 1) return attachSource(only as SourceImage);
  const parts = sources.map(attachSource);
  const starts = startsOf(sources);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const partAt = (offset: number) => starts.findLastIndex((start) => start <= offset);
  return {
    name: parts.map(({ name }) => name).join(", "),
    size,
    zerosEnd(offset) {
      const i = partAt(offset);
      const start = starts[i] as number;
      return start + ((parts[i] as ByteSource).zerosEnd?.(offset - start) ?? offset - start);
    },
    read(into, offset) {
      let done = 0;
      for (let i = partAt(offset); i < parts.length && done < into.length; i++) {
        const part = parts[i] as ByteSource;
        const within = offset + done - (starts[i] as number);
        const wanted = Math.max(0, Math.min(into.length - done, part.size - within));
        const got = part.read(into.subarray(done, done + wanted), within);
        done += got;
        if (got < wanted) break;
      }
      return done;
    },
  };
}

/** Translates bytes [start, end) of the joined files to bytes of each, in order. */
export function inSources(
  sources: readonly SourceImage[],
  start: number,
  end: number,
  take: (source: SourceImage, start: number, end: number) => void,
): void {
  const starts = startsOf(sources);
  sources.forEach((source, i) => {
    const base = starts[i] as number;
    const from = Math.max(start - base, 0);
    const to = Math.min(end - base, sourceSize(source));
    if (to > from) take(source, from, to);
  });
}
