import type { Searched } from "../../src/filter/text/searched.js";
import { EDGE } from "../../src/filter/text/searched.js";
import type { PatternTable } from "../../src/filter/text/text-search.js";

/** Where landmarks of each table begin, by the plainest search there is; `undefined` for a table without them. */
export function plainLandmarks(
  tables: readonly PatternTable[],
  { bytes, from, to }: Searched,
): readonly (readonly number[] | undefined)[] {
  const places = Array.from({ length: to - from + 2 * EDGE }, (_, i) => from - EDGE + i);
  return tables.map(({ landmarks }) =>
    landmarks === undefined
      ? undefined
      : places.filter((place) =>
          landmarks.some((landmark) => landmark.every((set, i) => set[bytes[place + i] ?? 0] === 1)),
        ),
  );
}
