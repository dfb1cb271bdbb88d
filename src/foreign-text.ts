/**
 * Text that coresieve did not write itself: out of a dump, a file name, a store, a job, a manifest, the environment, another program. It may
 * steer the terminal that it is shown on (escape sequences, C1 controls), turn the direction of what stands behind it, or begin a line of its
 * own. So it is shown by one of these functions only: errors and warnings are escaped where their sentence is made, all else where it is printed.
 */

/** What is shown escaped: controls (C0, DEL, C1), format characters (direction, invisible ones, tags), line and paragraph separators, half characters. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** The same where lines are the text's own. */
const STEERING_IN_LINES = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Most texts. */
const PLAIN = /^[ -~]*$/;

/** A text within a line: each character that steers is written as `\u` and four digits. Applied again it changes nothing. */
export function foreignText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(STEERING, escaped);
}

/** A text of several lines: newlines and tabs stay. */
export function foreignLines(text: string): string {
  return PLAIN.test(text) ? text : text.replace(STEERING_IN_LINES, escaped);
}

/** JSON that may be shown on a terminal: what it says is the same, for JSON knows these escapes. Newlines are those of its form. */
export function shownJson(value: unknown, indent?: number): string {
  return foreignLines(JSON.stringify(value, undefined, indent));
}

/** Whether a character is one that is shown escaped. */
export function steers(char: string): boolean {
  return char.search(STEERING) >= 0;
}

/** Both halves of a character beyond U+FFFF, as JSON has it. */
function escaped(char: string): string {
  let text = "";
  for (let i = 0; i < char.length; i++) text += `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return text;
}
