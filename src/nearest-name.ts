import { DumpError } from "./errors.js";

/**
 * The error for an unknown word. `meant` is the most similar known name, if there is one; `cure` lists the known names.
 */
export function unknownName(kind: string, word: string, meant: string | undefined, cure: string): DumpError {
  return new DumpError("BAD_OPTION", `unknown ${kind} ${JSON.stringify(word)}`, {
    cure: meant === undefined ? cure : `Did you mean "${meant}"? ${cure}`,
  });
}

/** The known name with the fewest changes, if these are few: for messages about unknown names. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = 1 + Math.max(1, Math.floor(name.length / 3));
  for (const one of known) {
    const changes = distance(name.toLowerCase(), one);
    if (changes < least) {
      least = changes;
      nearest = one;
    }
  }
  return nearest;
}

/** The number of letters to insert, delete, replace or swap with their neighbour to turn one word into the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const replaced = (last[j - 1] as number) + (same ? 0 : 1);
      let least = Math.min(replaced, (last[j] as number) + 1, (row[j - 1] as number) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}
