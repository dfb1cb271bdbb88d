/** Columns of a line; a sentence of `remains` may have 700 characters. */
const WIDTH = 110;

/** What may still hold user data, a line for each kind; `where` says where whole sentences are. */
export function remainRows(remains: readonly string[], where: string): string[] {
  if (remains.length === 0) return [];
  const rows = remains.map((text) => `    ${beginning(text, WIDTH - 4)}`);
  return [`  may still hold user data (in full: ${where}):`, ...rows];
}

/** A sentence, or as many words of it as fit. */
function beginning(text: string, width: number): string {
  if (text.length <= width) return text;
  const cut = text.slice(0, width - 1);
  return `${cut.slice(0, cut.lastIndexOf(" ")).replace(/[\s,:;(]+$/, "")} …`;
}
