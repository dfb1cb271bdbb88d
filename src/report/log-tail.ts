import { DumpError } from "../errors.js";
import { crashReason } from "../kernel/log/crash-reason.js";
import { formatRecord } from "../kernel/log/format-record.js";
import { logOfKernel } from "../kernel/log/read-log.js";
import type { Dump } from "../reader/dump.js";
import type { LogTail } from "./report-data.js";

/** The most records in a report, and characters of each: a page must not grow with the log. */
const MOST_RECORDS = 80;
const MOST_CHARACTERS = 2000;

/** The end of the kernel log for a report. Never throws: if the log cannot be read, the result says why. */
export function logTail(dump: Dump): LogTail {
  try {
    const { records } = logOfKernel(dump);
    const lines = records.slice(-MOST_RECORDS).map((record) => {
      const line = formatRecord(record, "dmesg");
      return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)} ...\n` : line;
    });
    return { lines, before: records.length - lines.length, crash: crashReason(records) };
  } catch (error) {
    if (error instanceof DumpError) return { lines: [], before: 0, missing: error.message };
    throw error;
  }
}
