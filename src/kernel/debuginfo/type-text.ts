/** How C writes a pointer to a type. */
export function pointerText(text: string): string {
  if (text.endsWith(" ()")) return `${text.slice(0, -3)} (*)()`;
  const bracket = text.endsWith("]") ? text.indexOf("[") : -1;
  if (bracket >= 0) return `${text.slice(0, bracket)} (*)${text.slice(bracket)}`;
  return text.endsWith("*") ? `${text}*` : `${text} *`;
}

/** How C writes a qualified type. */
export function qualifiedText(word: "const" | "volatile", text: string): string {
  return text.endsWith("*") ? `${text} ${word}` : `${word} ${text}`;
}
