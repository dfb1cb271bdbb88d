/** Values of a random sample of pages. All are between 0 and `most`. */
export interface Sample {
  readonly values: ArrayLike<number>;
  readonly most: number;
  /** Number of pages that the sample is drawn from, without replacement. */
  readonly population: number;
}

/** The sum over the whole population, and its possible error. */
export interface Total {
  readonly sum: number;
  readonly error: number;
}

/**
 * Estimates the sum from a sample. The error is the empirical Bernstein bound (Maurer and Pontil 2009, theorem 4, for
 * both sides): it holds for any distribution of the values, with probability `1 - risk` at least. A sample of the whole
 * population has no error.
 */
export function totalOf({ values, most, population }: Sample, risk: number): Total {
  const n = values.length;
  if (n === 0) return { sum: 0, error: population * most };
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i] as number;
  const mean = sum / n;
  if (n >= population) return { sum, error: 0 };
  let squares = 0;
  for (let i = 0; i < n; i++) squares += ((values[i] as number) - mean) ** 2;
  const variance = n > 1 ? squares / (n - 1) : most ** 2;
  const log = Math.log(4 / risk);
  const error = Math.sqrt((2 * variance * log) / n) + (7 * most * log) / (3 * Math.max(1, n - 1));
  return { sum: mean * population, error: Math.min(error, most) * population };
}

/**
 * `count` different numbers below `population`, ascending; all of them if `count` is larger. The same seed gives the
 * same numbers.
 */
export function drawSorted(count: number, population: number, seed: number): Float64Array {
  if (count >= population) return Float64Array.from({ length: population }, (_, i) => i);
  const next = randomNumbers(seed);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(next() * population));
  return Float64Array.from(chosen).sort();
}

/** Random numbers in [0, 1) with 53 bits, from Marsaglia's xorshift with 128 bits of state (2003). */
function randomNumbers(seed: number): () => number {
  const state = Uint32Array.of(seed ^ 0x9e37_79b9, 362_436_069, 521_288_629, 88_675_123);
  const word = (): number => {
    const [x, y, z, w] = state as unknown as [number, number, number, number];
    const t = x ^ (x << 11);
    state.set([y, z, w, w ^ (w >>> 19) ^ t ^ (t >>> 8)]);
    return state[3] as number;
  };
  for (let i = 0; i < 32; i++) word();
  return () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
}
