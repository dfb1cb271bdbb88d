/** What is in a page of the documentation: commands to type, and links. */

/** A command of ours as a page shows it, in words as a shell would split it. */
export interface ShownCommand {
  readonly line: string;
  readonly program: "coresieve" | "coresieve-makedumpfile";
  readonly args: readonly string[];
  /** Within a sentence a command may be named without its files. */
  readonly inSentence: boolean;
}

/** All commands of ours: lines of `sh` blocks and of indented blocks, and code within sentences. */
export function commandsOf(markdown: string): ShownCommand[] {
  const found: ShownCommand[] = [];
  const inBlocks = blockLines(markdown);
  for (const [i, line] of [...inBlocks, ...codeSpans(markdown)].entries()) {
    for (const words of simpleCommands(line)) {
      const at = words.findIndex((word) => /^(coresieve|coresieve-makedumpfile|dist\/cli\/main\.js)$/.test(word));
      const before = words.slice(0, at);
      if (at < 0 || !before.every((word) => /^(\w+=.*|node|npx|ssh|HOST|HERE|core_collector|mkfifo)$/.test(word)))
        continue;
      const program = words[at] === "coresieve-makedumpfile" ? "coresieve-makedumpfile" : "coresieve";
      found.push({ line, program, args: words.slice(at + 1), inSentence: i >= inBlocks.length });
    }
  }
  return found;
}

/** Lines of code blocks, without their comments and the explanations that stand in a column of their own. */
function blockLines(markdown: string): string[] {
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of markdown.split("\n")) {
    const mark = /^```(\w*)/.exec(line);
    if (mark !== null) fence = fence === undefined ? (mark[1] as string) : undefined;
    else if (fence === "sh" || (fence === undefined && /^ {4}\S/.test(line))) {
      lines.push(line.trim().replace(/( #|\s{3,}).*/, ""));
    }
  }
  return lines;
}

function codeSpans(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/`([^`]+)`/g)].map(([, code]) => (code as string).replaceAll("\n", " "));
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, "").replace(/^ {4}\S.*$/gm, "");
}

/** The words of each command of a line: of a pipe, a list; without where its streams go. */
function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  const tokens = line.match(/'[^']*'|"[^"]*"|\|\||&&|[|;&]|[0-9]?[<>]+|[^\s|;&<>'"]+/g) ?? [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as string;
    if (/^([|;&]|&&|\|\|)$/.test(token)) commands.push([]);
    else if (/^[0-9]?[<>]+$/.test(token)) i++;
    else {
      // Usage lines have options in brackets and words to be repeated.
      const word = token.replace(/^['"[]|['"\]]$/g, "").replace(/(\.\.\.|…)$/, "");
      if (word !== "") commands.at(-1)?.push(word);
    }
  }
  return commands;
}

/** Where a page's links lead to, as written. */
export function linksOf(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to as string);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/^#+ +(.*)$/gm)].map(([, title]) =>
    (title as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/ /g, "-"),
  );
}
