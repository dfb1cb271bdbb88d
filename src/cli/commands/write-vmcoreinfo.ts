import { DumpError } from "../../errors.js";
import { noVmcoreinfo } from "../../reader/find-in-memory.js";
import { openSessionAwake } from "../../run/session.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { openFileSink } from "../../writer/open-file-sink.js";
import { completeOptions, type InputArguments } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";

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
    const session = await openSessionAwake(dump, { ...complete, warnings, signal });
    const text = session.dump.vmcoreinfo?.text.replace(/\0+$/, "");
    if (text === undefined) {
      throw new DumpError("CANNOT_FILTER", `has ${noVmcoreinfo(session.dump)}`, {
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
