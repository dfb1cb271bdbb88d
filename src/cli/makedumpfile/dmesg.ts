import { formatRecord } from "../../kernel/log/format-record.js";
import { logOfKernel } from "../../kernel/log/read-log.js";
import { openInput } from "../../reader/open-input.js";
import { openSession } from "../../run/session.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { createFileSink } from "../../writer/file-sink.js";
import { printOwn } from "../print.js";
import type { MakedumpfileRequest } from "./arguments.js";
import { type DropInContext, givenKernel } from "./create.js";
import { sayWarnings } from "./say-warnings.js";

/** --dump-dmesg: writes the kernel log. */
export async function dumpDmesg(request: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const [input = "", output] = request.files;
  const warnings = new Warnings();
  const dump = await openInput([input], warnings, { signal: context.signal });
  try {
    const log = logOfKernel(openSession(dump, { ...(await givenKernel(request)), warnings }).dump, request.sinceClear);
    if (log.unreadable > 0) {
      warnings.add(
        "LOG_RECORDS",
        `${input}: records of the kernel log that the dump does not have whole`,
        log.unreadable,
      );
    }
    const parts = piecesOf(log.records.length, (i) => formatRecord(log.records[i] as never, "makedumpfile"));
    if (output === undefined) for (const part of parts) printOwn(part);
    else await writeFile(output, parts, request.force, input);
    sayWarnings(warnings.list, context);
    return true;
  } finally {
    dump.close();
  }
}

/** The text of a thousand records at a time: the largest logs have gigabytes. */
function* piecesOf(count: number, line: (i: number) => string): Generator<Buffer> {
  for (let i = 0; i < count; i += 1000) {
    const lines: string[] = [];
    for (let j = i; j < Math.min(count, i + 1000); j++) lines.push(line(j));
    yield Buffer.from(lines.join(""));
  }
}

async function writeFile(path: string, parts: Iterable<Buffer>, force: boolean, input: string): Promise<void> {
  const sink = createFileSink(path, { force, inputs: [input] });
  let size = 0;
  try {
    for (const part of parts) {
      await sink.write(part, size);
      size += part.length;
    }
    await sink.finish(size);
  } catch (error) {
    throw await abandoned(error, sink);
  }
}
