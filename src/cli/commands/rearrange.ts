import { DumpError } from "../../errors.js";
import { rearrangeDump } from "../../writer/rearrange.js";
import { defineCommand, FLAG } from "../command.js";
import { formatBytes } from "../numbers.js";

const HELP = `coresieve rearrange FLAT OUT [options]: make a plain file of a flattened one

FLAT is what makedumpfile -F, coresieve -F or QEMU's kdump-zlib wrote: a file, a
FIFO, or - for stdin; packed with zstd, LZ4 or gzip or not. OUT is the file that
is in it, byte for byte, as makedumpfile -R makes it.

  -f, --force              overwrite OUT
      --sync               wait until the disk has OUT, then give it its name
  -q, --quiet              print errors only
  -v, --version            print the version
  -h, --help               print this text

Example
  ssh HOST makedumpfile -F -c -d 31 /proc/vmcore | coresieve rearrange - vmcore
`;

/** `coresieve rearrange FLAT OUT`: makes a plain file of a flattened one. */
export const rearrangeCommand = defineCommand({
  help: HELP,
  options: { force: { ...FLAG, alias: "f" }, sync: FLAG, quiet: { ...FLAG, alias: "q" } },
  async run(files, { force, sync, quiet }, { signal }) {
    const [input, path] = files;
    if (input === undefined || path === undefined || files.length > 2) {
      throw new DumpError("BAD_OPTION", "a flattened file and an output must be named", {
        cure: "Write `coresieve rearrange FLAT OUT`",
      });
    }
    const size = await rearrangeDump(input, { path, force, sync }, signal);
    if (!quiet) process.stdout.write(`${path}: ${formatBytes(size)}\n`);
  },
});
