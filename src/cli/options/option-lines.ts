import type { Option } from "./option.js";

/** The column where explanations begin, and the width of lines. */
const COLUMN = 27;
const WIDTH = 80;

/** An option in the help: its names, its value, and its explanation, in lines of 80 characters. */
export function optionLines(option: Option): string[] {
  const names = `  ${option.letter === undefined ? "    " : `-${option.letter}, `}--${option.name}`;
  const head = option.kind === "flag" ? names : `${names} ${option.value}`;
  // A head that is too long for its column moves only its own explanation.
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

/** Several options as one text. */
export function optionText(options: Iterable<Option>): string {
  return [...options].flatMap(optionLines).join("\n");
}
