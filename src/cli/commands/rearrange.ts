import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import { shownUrl } from "../../shown-address.js";
import { Warnings } from "../../warnings.js";
import { rearrangeDump } from "../../writer/rearrange.js";
import { defineCommand } from "../command.js";
import { spoolOptions } from "../input-options.js";
import { packingOfOutput } from "../pack-option.js";
import { printJson, printLines, printWarnings } from "../print.js";

/** `coresieve rearrange FLAT OUT`: makes a plain file of a flattened one. */
export const rearrangeCommand = defineCommand({
  name: "rearrange",
  about: {
    usage: "coresieve rearrange FLAT OUT [options]: make a plain file of a flattened one",
    text: `FLAT is what makedumpfile -F, coresieve -F or QEMU's kdump-zlib wrote: a file, a
FIFO, or - for stdin; packed with zstd, LZ4 or gzip or not. OUT is the file that
is in it, byte for byte, as makedumpfile -R makes it.`,
    examples: `Example
  ssh HOST makedumpfile -F -c -d 31 /proc/vmcore | coresieve rearrange - vmcore`,
  },
  async run(files, { force, sync, quiet, json, pack, ...spool }, { signal }) {
    const [input, path] = files;
    if (input === undefined || path === undefined || files.length > 2) {
      throw new DumpError("BAD_OPTION", "a flattened file and an output must be named", {
        cure: "Write `coresieve rearrange FLAT OUT`",
      });
    }
    const warnings = new Warnings();
    const packing = packingOfOutput(path, pack);
    const output = { path, force, sync, pack: packing, spool: spoolOptions(spool), warnings };
    const size = await rearrangeDump(input, output, signal);
    if (json) {
      printJson({ output: shownUrl(path), outputBytes: size, packing: packing ?? null, warnings: warnings.list }, 2);
    } else if (!quiet) printLines([`${shownUrl(path)}: ${formatBytes(size)}`]);
    if (!quiet) printWarnings(warnings.list);
  },
});
