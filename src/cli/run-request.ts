import { DumpError } from "../errors.js";
import { onlyGiven } from "../only-given.js";
import type { RunOptions } from "../shard/run-options.js";
import { eraseFile } from "./erase-option.js";
import { completeOptions, openOptions } from "./input-options.js";
import { filterRequest } from "./options/filter-request.js";
import type { OptionValues } from "./options/table.js";

type Values = OptionValues<"submit"> | OptionValues<"plan">;

/** The options of a run by many hosts, from the command line. Throws `BAD_OPTION`, `NOT_READABLE`. */
export async function runOptions(files: readonly string[], values: Values): Promise<RunOptions> {
  const request = filterRequest({ ...values, files });
  if (request.output === undefined || request.pack !== undefined) {
    throw new DumpError("BAD_OPTION", `${files.at(-1)}: several hosts cannot write to a stream or a packed file`, {
      cure: "Name a plain file, and pack it when it is complete",
    });
  }
  const { inputs, output, level, codec, privacy, privacyExtra, privacyKeep, excludeUnusedVmemmap } = request;
  const format = values.elf ? "elf" : "kdump";
  if (request.fallbackLevels.length > 0) {
    throw new DumpError(
      "BAD_OPTION",
      `-d ${values.level?.join(",")}: only one machine by itself can try several levels`,
      {
        cure: "Name one level",
      },
    );
  }
  // Checked here, so that their errors are reported at once and not by another host.
  openOptions(values);
  // The hosts unpack the vmlinux themselves.
  const { vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice } = await completeOptions({ ...values, vmlinux: undefined });
  const erase = await eraseFile(values);
  const { force, strict, salvage, raw, arch, vmlinux } = values;
  return {
    ...{ inputs, output, force, level, format, codec, privacy, privacyExtra, privacyKeep, strict, salvage },
    excludeUnusedVmemmap,
    ...onlyGiven({ erase, raw, arch, vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice, vmlinux }),
  };
}
