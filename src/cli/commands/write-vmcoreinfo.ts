import { DumpError } from "../../errors.js";
import { openSession } from "../../run/session.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { openFileSink } from "../../writer/open-file-sink.js";
import { completeOptions, type InputArguments } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";
import { INPUT_OPTIONS, KERNEL_OPTIONS, SPOOL_OPTIONS } from "../options/input.js";
import { camelCase, type OptionValues, optionsOf, shortest } from "../options/table.js";

/** Options beside those of the input that count for the text: all others are about an output that is not made. */
const COUNTS = new Set(["write-vmcoreinfo", "force", "strict", "quiet", "num-threads"]);

/**
 * Throws `BAD_OPTION` for options on the command line (`given`) without an effect: somebody who names a manifest would
 * look for it. A configuration file serves several commands, so its options that have no effect are ignored.
 */
export function checkWithoutOutput(values: OptionValues<"filter">, given: readonly string[]): void {
  const ofInput = new Set<string>([...INPUT_OPTIONS, ...SPOOL_OPTIONS, ...KERNEL_OPTIONS].map(({ name }) => name));
  for (const option of optionsOf("filter").values()) {
    const value = (values as Readonly<Record<string, unknown>>)[camelCase(option.name)];
    if (value === undefined || value === false || !given.includes(option.name)) continue;
    if (COUNTS.has(option.name) || ofInput.has(option.name)) continue;
    const name = shortest(option);
    throw new DumpError("BAD_OPTION", `-g writes nothing but the VMCOREINFO text, so ${name} has no effect`, {
      cure: `Leave out ${name}, or run \`coresieve\` a second time without -g`,
    });
  }
}

export interface VmcoreinfoArguments extends InputArguments {
  readonly files: readonly string[];
  readonly writeVmcoreinfo: string;
  readonly force: boolean;
  readonly strict: boolean;
}

/** `coresieve -g FILE DUMP…`: writes the VMCOREINFO text of a dump. Throws `DumpError`. */
export async function writeVmcoreinfo(args: VmcoreinfoArguments, signal: AbortSignal): Promise<void> {
  const { files, writeVmcoreinfo: path, force, strict } = args;
  needDump(files, "coresieve -g FILE DUMP");
  const complete = await completeOptions(args);
  const warnings = new Warnings({ strict });
  const dump = await openInputs(files, warnings, args, signal);
  try {
    const text = openSession(dump, { ...complete, warnings }).dump.vmcoreinfo?.text.replace(/\0+$/, "");
    if (text === undefined) {
      throw new DumpError("CANNOT_FILTER", "has no VMCOREINFO, neither in a note nor in its memory", {
        file: files[0] as string,
        cure: "A dump of the same boot may have it",
      });
    }
    const bytes = Buffer.from(text.endsWith("\n") ? text : `${text}\n`, "latin1");
    const sink = await openFileSink(path, { force }, files);
    try {
      await sink.write(bytes, 0);
      await sink.finish(bytes.length);
    } catch (error) {
      throw await abandoned(error, sink);
    }
  } finally {
    dump.close();
  }
}
