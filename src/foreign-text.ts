/**
 * Text that coresieve did not write itself: from a dump, a file name, a store, a job, a manifest, the environment,
 * another program. It may control the terminal that shows it (escape sequences, C1 controls), reverse the direction of
 * the text after it, or begin a new line. So it is only shown through these functions: errors and warnings escape it
 * when their sentence is made, all other text is escaped where it is printed.
 */

/**
 * Characters that are shown escaped: controls (C0, DEL, C1), format characters (direction, invisible ones, tags), line
 * and paragraph separators, half characters.
 */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** The same, for texts with lines of their own. */
const STEERING_IN_LINES = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Most texts match this. */
const PLAIN = /^[ -~]*$/;

/** A text within a line: each control character becomes `\u` and four digits. Applying it again changes nothing. */
export function foreignText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(STEERING, escaped);
}

/** A text of several lines: newlines and tabs are kept. */
export function foreignLines(text: string): string {
  return PLAIN.test(text) ? text : text.replace(STEERING_IN_LINES, escaped);
}

/**
 * JSON that may be shown on a terminal. Its content is the same, because JSON has these escapes. The newlines are those
 * of its own form.
 */
export function shownJson(value: unknown, indent?: number): string {
  return foreignLines(JSON.stringify(value, undefined, indent));
}

/** Whether a character is shown escaped. */
export function steers(char: string): boolean {
  return char.search(STEERING) >= 0;
}

/** Escapes both halves of a character beyond U+FFFF, as JSON does. */
function escaped(char: string): string {
  let text = "";
  for (let i = 0; i < char.length; i++) text += `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return text;
}
