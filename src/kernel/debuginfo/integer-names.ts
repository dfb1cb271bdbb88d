/**
 * Compilers write the same integer type in different ways: "long unsigned int" (GCC), "unsigned long" (clang). Returns
 * the shortest form: "unsigned long", "short", "unsigned char" …; other names are returned unchanged.
 */
export function integerName(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== "");
  if (words.length === 0 || !words.every((word) => INTEGER_WORDS.has(word))) return name;
  const unsigned = words.includes("unsigned") ? ["unsigned"] : [];
  if (words.includes("char")) return words.includes("signed") ? "signed char" : [...unsigned, "char"].join(" ");
  const size = words.filter((word) => word === "long" || word === "short");
  return [...unsigned, ...(size.length === 0 ? ["int"] : size)].join(" ");
}

const INTEGER_WORDS = new Set(["unsigned", "signed", "char", "short", "int", "long"]);
