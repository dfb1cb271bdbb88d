// What lies in a folder of dumps, as JSON: machine, kernel, why it crashed, how many pages. Packed ones are unpacked on the way.
//
//   node examples/inventory.mjs /var/crash
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DumpError, openInput, readKernelLog, Warnings } from "coresieve";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node inventory.mjs FOLDER");
  process.exit(2);
}
const dumps = [];
const others = [];
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
  try {
    dumps.push(await describe(path));
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    others.push({ path, code: error.code, reason: error.reason });
  }
}
console.log(JSON.stringify({ dumps, others }, null, 2));

async function describe(path) {
  const warnings = new Warnings();
  const dump = await openInput(path, warnings, { salvage: true });
  try {
    const { header, machine, vmcoreinfo, ranges } = dump;
    return {
      path,
      format: header.description,
      arch: machine.arch,
      release: vmcoreinfo?.osrelease ?? header.utsname?.release ?? null,
      time: timeOf(header.timestamp ?? vmcoreinfo?.crashTime),
      dumpLevel: header.dumpLevel,
      memoryBytes: ranges.reduce((sum, { start, end }) => sum + end - start, 0),
      incomplete: header.incomplete,
      panic: panicOf(dump),
      warnings: warnings.list.map(({ code }) => code),
    };
  } finally {
    dump.close();
  }
}

function timeOf(seconds) {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString();
}

/** The line of the log that says why the kernel stopped; null if there is none, or no log can be read. */
function panicOf(dump) {
  try {
    const lines = readKernelLog(dump).records.map(({ text }) => Buffer.from(text).toString("utf8"));
    return lines.find((line) => line.startsWith("Kernel panic")) ?? null;
  } catch (error) {
    if (error instanceof DumpError) return null;
    throw error;
  }
}
