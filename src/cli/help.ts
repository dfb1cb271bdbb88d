import type { Command } from "./command.js";
import { CODEC_OPTIONS } from "./options/codecs.js";
import { INPUT_OPTIONS, KERNEL_OPTIONS, SPOOL_OPTIONS } from "./options/input.js";
import { LEVEL_OPTIONS } from "./options/levels.js";
import { LOOKING_OPTIONS } from "./options/looking.js";
import type { Option } from "./options/option.js";
import { OUTPUT_OPTIONS } from "./options/output.js";
import { QUEUE_OPTIONS } from "./options/queue.js";
import { RUN_OPTIONS } from "./options/run.js";
import { GENERAL_OPTIONS, optionsOf } from "./options/table.js";

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

const LEVELS_HEADING = "What is dropped (default: -d 31)";
const CODECS_HEADING = "How pages are compressed (default: -c)";

const common = (options: readonly Option[]) => optionText(options.filter((option) => option.common));

/** `coresieve --help`: the commands, and the options of most runs. At most 80 columns and 40 lines. */
export const HELP = `coresieve makes Linux kernel crash dumps small and safe to hand over.

  coresieve DUMP OUT               shrink it: drop what debuggers do not need
  coresieve handover DUMP OUT      hand it over: no user's memory, all checked
  coresieve info DUMP              what is it, and why did it crash?
  coresieve dmesg DUMP             what did the kernel say last?
  coresieve verify DUMP            is it whole? Also: --against ORIGINAL

  coresieve estimate DUMP          how large would it become?
  coresieve report DUMP            a page with a picture of its memory
  coresieve audit DUMP             look for user data in a finished dump
  coresieve -F DUMP [options]      filter to stdout, flattened, for a pipe
  coresieve split DUMP OUT1 OUT2   filter into the files of a split set
  coresieve reassemble P1 P2 OUT   make one file of a split set
  coresieve rearrange FLAT OUT     make a plain file of a flattened one
  coresieve help COMMAND           all options of a command: help filter
  coresieve help input             what DUMP may be: bare memory, packed, …
  Also: bench, uploads, completion
  Many hosts: submit, worker, jobs, or by steps: plan, shard, finish, staging

${LEVELS_HEADING}
${common(LEVEL_OPTIONS)}

${CODECS_HEADING}
${common(CODEC_OPTIONS)}

What is written
${common([...OUTPUT_OPTIONS, ...GENERAL_OPTIONS])}

Example: coresieve -F vmcore -l | ssh HOST 'cat > small.flat'
Exit code: 0 done, 1 failed, 2 wrong command line, 128 + signal when stopped.
`;

/** The line in a command's help that refers to the options of the input. */
export const INPUT_HELP = "What DUMP is (--raw, -i, -x, --salvage, …): coresieve help input";

/** `coresieve help input`. */
export const INPUT_TOPIC = `Options of all commands that open a dump

DUMP is an ELF vmcore (/proc/vmcore, QEMU, libvirt) or a kdump-compressed file,
flattened or not; a LiME, AVML or, with --raw, bare image of memory; a machine
saved by QEMU, libvirt, VMware, Firecracker or cloud-hypervisor; the core of a
Xen domain; a stand-alone dump of s390, sadump or LKCD. Files of one set, or a
state and its memory, are named one after the other.

${optionText(INPUT_OPTIONS)}

DUMP may also be packed (zstd, LZ4, gzip, xz, bzip2), in a tar or zip archive,
a FIFO, or - for stdin. It is read once, into a temporary file, LZ4-packed and
without its zeros.

${optionText(SPOOL_OPTIONS)}

About the kernel, if the dump does not say it
${optionText(KERNEL_OPTIONS)}

Examples
  coresieve info --raw 0-3G,4G- guest.ram
  coresieve -x vmlinux-6.1 vmcore small.kdump
  zstdcat vmcore.zst | coresieve info -      or: coresieve info vmcore.zst
`;

/**
 * `coresieve NAME --help`. Options of all commands are only mentioned there by name: they have help topics of their
 * own.
 */
export function commandHelp({ name, about }: Pick<Command, "name" | "about">): string {
  const own = new Set(optionsOf(name).values());
  const of = (...subjects: (readonly Option[])[]) => subjects.flat().filter((option) => own.has(option));
  const last = of(OUTPUT_OPTIONS, QUEUE_OPTIONS, RUN_OPTIONS).concat(
    GENERAL_OPTIONS.filter((option) => option.name !== "config"),
  );
  const compressed = of(CODEC_OPTIONS);
  const options =
    compressed.length === 0
      ? [optionText([...of(LOOKING_OPTIONS), ...last])]
      : [
          `${optionsOf(name).has("level") ? LEVELS_HEADING : "What is overwritten, and searched for"}\n${optionText([...of(LEVEL_OPTIONS), ...of(LOOKING_OPTIONS)])}`,
          `${CODECS_HEADING}\n${optionText(compressed)}`,
          `What is written, and how it runs\n${optionText(last)}`,
        ];
  const { usage, text, examples } = about;
  const input = of(INPUT_OPTIONS).length === 0 ? [] : [INPUT_HELP];
  // The filter command has the most options: 45 lines are one screen.
  const head = text === undefined ? [[usage, ...input].join("\n")] : [usage, [text, ...input].join("\n")];
  return `${[...head, ...options, ...(examples === undefined ? [] : [examples])].join("\n\n")}\n`;
}
