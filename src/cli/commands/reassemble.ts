import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import { formatCount } from "../../readable-count.js";
import { shownUrl } from "../../shown-address.js";
import { Warnings } from "../../warnings.js";
import { reassembleDump } from "../../writer/reassemble.js";
import { defineCommand } from "../command.js";
import { spoolOptions } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { packingOfOutput } from "../pack-option.js";
import { printJson, printLines, printWarnings } from "../print.js";

/** `coresieve reassemble PART… OUT`: makes one file of a split set. */
export const reassembleCommand = defineCommand({
  name: "reassemble",
  about: {
    usage: "coresieve reassemble PART... OUT [options]: make one file of a split set",
    text: `PARTs are all files of a set that makedumpfile --split or coresieve split wrote,
in any order, packed or not (--spool-dir, --spool-limit: coresieve help input).
Page data are copied as they are.`,
    examples: `Example
  coresieve reassemble a.kdump b.kdump c.kdump whole.kdump`,
  },
  async run(files, { force, pack, sync, spoolDir, spoolLimit, json, quiet }, { signal }) {
    const parts = [...files];
    const path = parts.pop();
    if (path === undefined || parts.length === 0) {
      throw new DumpError("BAD_OPTION", "the files of a split set and an output must be named", {
        cure: "Write `coresieve reassemble PART1 PART2 OUT`",
      });
    }
    const packing = packingOfOutput(path, pack);
    const warnings = new Warnings();
    const dump = await openInputs(parts, warnings, { spoolDir, spoolLimit }, signal, quiet);
    try {
      const output = { path, force, sync, pack: packing, spool: spoolOptions({ spoolDir, spoolLimit }), warnings };
      const result = await reassembleDump(dump, output, { signal });
      if (json) {
        printJson({ ...result, output: shownUrl(path), packing: packing ?? null, warnings: warnings.list }, 2);
      } else if (!quiet) {
        const missing = result.missing > 0 ? `, ${formatCount(result.missing)} missing` : "";
        printLines([
          `${shownUrl(path)}: ${formatCount(result.pages)} pages${missing}, ${formatBytes(result.outputBytes)}`,
        ]);
      }
      if (!quiet) printWarnings(warnings.list);
    } finally {
      dump.close();
    }
  },
});
