import { DumpError } from "../../errors.js";
import { rearrangeDump } from "../../writer/rearrange.js";
import { defineCommand, FLAG, VALUE } from "../command.js";
import { spoolOptions } from "../input-options.js";
import { formatBytes } from "../numbers.js";
import { packingOfOutput } from "../pack-option.js";
import { printJson, printLines } from "../print.js";

const HELP = `coresieve rearrange FLAT OUT [options]: make a plain file of a flattened one

FLAT is what makedumpfile -F, coresieve -F or QEMU's kdump-zlib wrote: a file, a
FIFO, or - for stdin; packed with zstd, LZ4 or gzip or not. OUT is the file that
is in it, byte for byte, as makedumpfile -R makes it.

  -f, --force              overwrite OUT
      --pack HOW           pack OUT: zstd, lz4, gzip, none (if nothing is said:
                           as its suffix .zst, .lz4 or .gz says)
      --spool-dir DIR      where it waits to be packed (default: beside OUT)
      --spool-limit SIZE   its most bytes (default: half of what is free there)
      --sync               wait until the disk has OUT, then give it its name
      --json               print the result as JSON
  -q, --quiet              print errors only
  -v, --version            print the version
  -h, --help               print this text

Example
  ssh HOST makedumpfile -F -c -d 31 /proc/vmcore | coresieve rearrange - vmcore
`;

/** `coresieve rearrange FLAT OUT`: makes a plain file of a flattened one. */
export const rearrangeCommand = defineCommand({
  help: HELP,
  options: {
    force: { ...FLAG, alias: "f" },
    pack: VALUE,
    "spool-dir": VALUE,
    "spool-limit": VALUE,
    sync: FLAG,
    json: FLAG,
    quiet: { ...FLAG, alias: "q" },
  },
  async run(files, { force, sync, quiet, json, pack, ...spool }, { signal }) {
    const [input, path] = files;
    if (input === undefined || path === undefined || files.length > 2) {
      throw new DumpError("BAD_OPTION", "a flattened file and an output must be named", {
        cure: "Write `coresieve rearrange FLAT OUT`",
      });
    }
    const packing = packingOfOutput(path, pack);
    const output = { path, force, sync, pack: packing, spool: spoolOptions(spool) };
    const size = await rearrangeDump(input, output, signal);
    if (json) {
      printJson({ output: path, outputBytes: size, packing: packing ?? null }, 2);
    } else if (!quiet) printLines([`${path}: ${formatBytes(size)}`]);
  },
});
