/** Manual pages (man(7)) out of the help texts of the programs, with the longer texts of the table of options: scripts/man.mjs writes them, a test compares them. */
import { readFileSync } from "node:fs";
import type { Command } from "../../src/cli/command.js";
import { commandNamed } from "../../src/cli/commands.js";
import { commandHelp, HELP, INPUT_HELP, INPUT_TOPIC } from "../../src/cli/help.js";
import { MAKEDUMPFILE_HELP } from "../../src/cli/makedumpfile/help.js";
import { COMMAND_NAMES, type CommandName } from "../../src/cli/options/option.js";
import { GENERAL_OPTIONS, optionsOf } from "../../src/cli/options/table.js";

/** What stands in front of a help's option, and the beginning of its explanation. */
const OPTION = /^ {2}((?: {4}--|-)\S.*?)(?: {2,}| (?<=^.{27}))(\S.*)$/;
const CONTINUED = /^ {20,}(\S.*)$/;
const INDENTED = /^ {2}(\S.*)$/;

/** The files of man/ by their names. `root`: the folder of the project. */
export async function manPages(root: URL): Promise<Readonly<Record<string, string>>> {
  const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { version: string };
  const commands = await Promise.all(
    COMMAND_NAMES.map(async (name) => ({ name, help: commandHelp((await commandNamed(name)) as Command) })),
  );
  return { "coresieve.1": coresievePage(version, commands), "coresieve-makedumpfile.1": makedumpfilePage(version) };
}

function coresievePage(version: string, commands: readonly { name: CommandName; help: string }[]): string {
  const [title = "", ...rows] = HELP.split("\n");
  const listed = rows
    .map((row) => row.trim().split(/ {2,}/))
    .filter(([usage = "", meaning]) => usage.startsWith("coresieve ") && meaning !== undefined);
  const exit = rows.find((row) => row.startsWith("Exit code: ")) ?? "";
  const more = (help: string) => help.replaceAll(INPUT_HELP, "What DUMP is: see INPUT OPTIONS.").trimEnd().split("\n");
  return page("CORESIEVE", version, [
    ".SH NAME",
    text(`coresieve - ${title.replace(/^coresieve |\.$/g, "")}`),
    ".SH SYNOPSIS",
    ...verbatim(["coresieve DUMP OUT [options]", "coresieve -F DUMP [options]", "coresieve COMMAND [options]"]),
    ".SH DESCRIPTION",
    text(title),
    text(
      "DUMP is a dump of a Linux kernel: an ELF vmcore, a kdump-compressed file, or an image of memory (INPUT OPTIONS).",
    ),
    text("The first word chooses a command. A filter run needs none: a dump that is called info is ./info."),
    text("Single letters can stand together (-cfd 31); names that begin with - go behind --."),
    ".SH COMMANDS",
    ...listed.flatMap(([usage = "", meaning = ""]) => [".TP", bold(usage), text(meaning)]),
    ".SH OPTIONS",
    ...body(
      more(commands.find(({ name }) => name === "filter")?.help ?? "")
        .slice(2)
        .filter((line) => !line.startsWith("What DUMP is")),
      ".SS",
      longTexts("filter"),
    ),
    ".SS With all commands",
    ...option("--config FILE", [plain(GENERAL_OPTIONS[0].long)]),
    ".SH INPUT OPTIONS",
    ...body(INPUT_TOPIC.trimEnd().split("\n").slice(1), ".SS", longTexts("filter")),
    ...commands
      .filter(({ name }) => name !== "filter")
      .flatMap(({ name, help: own }) => {
        const [first = "", ...others] = more(own);
        const [usage = "", meaning = ""] = first.split(/: (.*)/);
        return [
          `.SH ${quoted(`CORESIEVE ${name.toUpperCase()}`)}`,
          bold(usage),
          ".br",
          text(`${capital(meaning)}.`),
          ...body(others, ".SS", longTexts(name)),
        ];
      }),
    ".SH EXIT STATUS",
    text(`${capital(exit.replace("Exit code: ", ""))}`),
    ".SH ENVIRONMENT",
    ...option("TMPDIR", ["where temporary files are, if --spool-dir does not name a folder"]),
    ...option("NODE_OPTIONS", ["options of Node.js, such as --max-old-space-size=4096"]),
    ...option("NO_COLOR", [
      "if it is not empty, errors and warnings have no colours, which they have on a terminal only",
    ]),
    ...option("FORCE_COLOR", ["if it is not empty and not 0, they have them anywhere"]),
    ...option("CORESIEVE_DEBUG", ["if it is 1, errors are followed by the stack of the program"]),
    ...seeAlso("coresieve-makedumpfile(1), makedumpfile(8), crash(8), drgn(1), kexec(8)"),
  ]);
}

function makedumpfilePage(version: string): string {
  const [title = "", ...rows] = MAKEDUMPFILE_HELP.trimEnd().split("\n");
  const options = rows.indexOf("Options");
  const [name = "", meaning = ""] = title.split(": ");
  return page("CORESIEVE-MAKEDUMPFILE", version, [
    ".SH NAME",
    text(`${name} - ${meaning}`),
    ".SH SYNOPSIS",
    ...verbatim(
      rows
        .slice(rows.indexOf("Usage") + 1, options)
        .filter((row) => row !== "")
        .map((row) => `${name} ${row.trim()}`),
    ),
    ".SH DESCRIPTION",
    text("Takes the command line that kdump scripts use with makedumpfile: same meaning, same words, same exit codes."),
    ".SH OPTIONS",
    ...body(
      rows.slice(options + 1).filter((row) => !row.includes(" support: ")),
      ".SS",
    ),
    ...seeAlso("coresieve(1), makedumpfile(8), crash(8)"),
  ]);
}

function seeAlso(pages: string): string[] {
  return [
    ".SH SEE ALSO",
    text(pages),
    text("The folder docs of the package tells more: command-line.md, pipes.md, from-makedumpfile.md."),
  ];
}

function page(name: string, version: string, lines: readonly string[]): string {
  const head = `.\\" Made by scripts/man.mjs from the help texts: npm run man\n.TH ${name} 1 "" "coresieve ${version}" "User Commands"\n.nh\n.ad l`;
  // Paragraphs that follow each other.
  let filled = true;
  const parted = lines.flatMap((line, i) => {
    if (line === ".nf" || line === ".fi") filled = line === ".fi";
    return filled && isText(line) && i > 0 && isText(lines[i - 1] as string) ? [".PP", line] : [line];
  });
  return `${head}\n${parted.filter((line) => line !== "").join("\n")}\n`;
}

const isText = (line: string) => line !== "" && !line.startsWith(".");

const plain = (markdown: string) => markdown.replaceAll("`", "");

/** What the table says of a command's options beside their lines in the help, by long names with dashes. */
function longTexts(command: CommandName): ReadonlyMap<string, string> {
  const options = [...optionsOf(command).values(), ...GENERAL_OPTIONS.slice(1)];
  return new Map(
    options.map(({ name, help, ...option }) => [`--${name}`, plain("long" in option ? option.long : help)]),
  );
}

/** The lines of a help: options, examples, paragraphs, headings. `long`: texts that take the place of an option's. */
function body(lines: readonly string[], heading: string, long: ReadonlyMap<string, string> = new Map()): string[] {
  const out: string[] = [];
  let paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length > 0) out.push(".PP", text(paragraph.join(" ")));
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const next = lines[i + 1] ?? "";
    const found = OPTION.exec(line);
    if (found !== null) {
      flush();
      const explained = [found[2] as string];
      for (let more = CONTINUED.exec(lines[i + 1] ?? ""); more !== null; more = CONTINUED.exec(lines[i + 1] ?? "")) {
        explained.push(more[1] as string);
        i++;
      }
      const names = (found[1] as string).trim();
      const longer = long.get(/--[a-z-]+/.exec(names)?.[0] ?? "");
      out.push(...option(names, longer === undefined ? explained : [longer]));
    } else if (line === "") flush();
    else if (INDENTED.test(line)) {
      flush();
      const block = [line];
      while (INDENTED.test(lines[i + 1] ?? "") && !OPTION.test(lines[i + 1] as string))
        block.push(lines[++i] as string);
      out.push(...verbatim(block.map((one) => one.trim())));
    } else if (/^Example: /.test(line)) {
      flush();
      out.push(`${heading} Example`, ...verbatim([line.replace("Example: ", "")]));
    } else if (paragraph.length === 0 && INDENTED.test(next) && !/[.:]$/.test(line)) {
      out.push(`${heading} ${quoted(line)}`);
    } else if (OPTION.test(next) && !/[.]$/.test(line) && paragraph.length === 0)
      out.push(`${heading} ${quoted(line)}`);
    else paragraph.push(line);
  }
  flush();
  return out;
}

function option(names: string, explained: readonly string[]): string[] {
  return [".TP", bold(names), text(explained.join(" "))];
}

function verbatim(lines: readonly string[]): string[] {
  return [".PP", ".RS 4", ".nf", ...lines.map(text), ".fi", ".RE"];
}

const bold = (words: string) => `.B ${quoted(words)}`;
const quoted = (words: string) => `"${escaped(words).replaceAll('"', "\\(dq")}"`;
const capital = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

/** A line of text: it may begin with no dot or quote, and hyphens of options are minus signs, so that they can be copied. */
function text(line: string): string {
  const safe = escaped(line);
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

function escaped(line: string): string {
  return line
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll("…", "...");
}
