import type { Option } from "./option.js";

/** Where explanations begin, and where lines end. */
const COLUMN = 27;
const WIDTH = 80;

/** An option as the help shows it: its names, its value, and what it does, in lines of 80 letters. */
export function optionLines(option: Option): string[] {
  const names = `  ${option.letter === undefined ? "    " : `-${option.letter}, `}--${option.name}`;
  const head = option.kind === "flag" ? names : `${names} ${option.value}`;
  // What is too long for its column pushes its explanation, and no other.
  let line = head.length < COLUMN ? head.padEnd(COLUMN) : `${head}  `;
  const lines: string[] = [];
  let empty = true;
  for (const word of option.help.split(" ")) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = " ".repeat(COLUMN);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

/** Several of them, in a text. */
export function optionText(options: Iterable<Option>): string {
  return [...options].flatMap(optionLines).join("\n");
}
