// Filters a dump with a line of progress; Ctrl-C stops it, and nothing is left behind.
//
//   node examples/shrink.mjs vmcore small.kdump
import { DumpError, filterDump, levelOfNames, openDump, Warnings } from "coresieve";

const [input, output] = process.argv.slice(2);
if (output === undefined) {
  console.error("usage: node shrink.mjs DUMP OUT");
  process.exit(2);
}
const controller = new AbortController();
process.once("SIGINT", () => controller.abort());
const warnings = new Warnings();
const shown = new Map();

try {
  const dump = openDump(input, warnings);
  try {
    console.log(`${input}: ${dump.header.description}, ${dump.machine.arch}`);
    const { classes, inputBytes, outputBytes } = await filterDump(dump, {
      output: { path: output },
      level: levelOfNames(["zero", "cache", "cache-private", "user", "free"]),
      warnings,
      signal: controller.signal,
      onProgress({ phase, done, total }) {
        const percent = Math.floor((100 * done) / total);
        if (shown.get(phase) === percent) return;
        shown.set(phase, percent);
        console.error(`${phase} ${percent} %`);
      },
    });
    const { kept, ...dropped } = classes;
    console.log("dropped:", dropped);
    console.log(`kept: ${kept} pages; ${inputBytes} bytes before, ${outputBytes} after`);
  } finally {
    dump.close();
  }
  for (const { code, message, count } of warnings.list) console.warn(`${code}: ${message} (${count})`);
} catch (error) {
  if (!(error instanceof DumpError)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "ABORTED" ? 130 : 1;
}
