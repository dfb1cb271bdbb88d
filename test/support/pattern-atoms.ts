/** Parts of patterns for properties: what erase rules and JavaScript understand alike, over the letters a, b and c. */
export const PATTERN_ATOMS = [
  ...["a", "b", "[ab]", "[^a]", ".", "c", "(?:ab|c)", "(?:a|bc)"],
  ...["a?", "b*", "c+", "(?:ab)*", "b{2}", "c{1,3}"],
] as const;
