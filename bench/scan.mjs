// The page scan and what its reads cost: node bench/scan.mjs --help
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { median } from "../dist/bench/timing.js";
import { initialPlan } from "../dist/filter/plan.js";
import { policyOfLevel } from "../dist/filter/policy.js";
import { kernelView } from "../dist/kernel/kernel-view.js";
import { findExtent } from "../dist/reader/extents.js";
import { openDump } from "../dist/reader/open.js";
import { Warnings } from "../dist/warnings.js";
import { evenRanges } from "../dist/worker/chunks.js";
import { scanPages, scanState } from "../dist/worker/scan.js";
import { buildProgram } from "./support/native.mjs";
import { readOptions, whole } from "./support/options.mjs";

const HELP = `node bench/scan.mjs DUMP... [options]: the page scan and what its reads cost

Scans each ELF dump (pass 1) in one thread, and prints the CPU time of a scan in
nanoseconds a struct page, median and least, and that of a C loop that reads the
same bytes in the same order (native/reads.c): the rest is ours. Rounds of both
take turns. Dumps of any size: bench/synthetic.mjs. Needs npm run build.

  --level N         dump level (default 31)
  --rounds N        (default 5)
  --help            print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    level: whole(31, 0, 31),
    rounds: whole(5, 1),
  },
  [1, Number.POSITIVE_INFINITY],
);
/** Pages of a task of pass 1. */
const TASK = 2 ** 17;
const folder = mkdtempSync(join(tmpdir(), "coresieve-scan-"));
const { program, missing } = buildProgram("reads.c", "none", folder);
if (missing) console.error(missing);

/** File offsets and lengths of what is read of an ELF dump from a physical address on. */
function readsAt({ data }, paddr, length) {
  const found = [];
  for (let done = 0; done < length; ) {
    const i = findExtent(data, paddr + done);
    const n = Math.min(length - done, data.end[i] - paddr - done);
    found.push(BigInt(data.source[i] + paddr + done - data.start[i]), BigInt(n));
    done += n;
  }
  return found;
}

function measure(path) {
  const dump = openDump(path);
  const view = kernelView(dump, new Warnings());
  const plan = initialPlan(dump, view);
  const before = plan.kept.bytes.slice();
  const { space, memMap, layout: pageLayout } = view;
  const kernel = { space, memMap, pageLayout, policy: policyOfLevel(values.level) };
  const scan = (memory) => {
    plan.kept.bytes.set(before);
    const state = scanState(memory, dump.pageSize, plan.kept, kernel);
    const start = process.cpuUsage();
    for (const range of evenRanges(plan.kept, plan.maxMapnr, TASK)) scanPages(state, range);
    const { user, system } = process.cpuUsage(start);
    return 1000 * (user + system);
  };
  // The first time the reads are noted down. Those of page tables are few.
  const list = [];
  const { memory } = dump;
  scan({
    next: (paddr) => memory.next(paddr),
    read(into, paddr) {
      for (const one of readsAt(dump.image, paddr, into.length)) list.push(one);
      return memory.read(into, paddr);
    },
  });
  const file = join(folder, "list");
  writeFileSync(file, new Uint8Array(BigUint64Array.from(list).buffer));
  const bytes = list.reduce((sum, one, i) => sum + (i % 2 === 1 ? Number(one) : 0), 0);
  const pages = bytes / pageLayout.size;
  const [ours, reads] = [[], []];
  for (let round = 0; round < values.rounds; round++) {
    ours.push(scan(memory) / pages);
    if (program) reads.push(Number(execFileSync(program, [path, file, "1"], { encoding: "utf8" })) / pages);
  }
  dump.close();
  const least = Math.min(...ours);
  return {
    dump: basename(path),
    "struct pages": Math.round(pages),
    "scan, ns": median(ours).toFixed(1),
    least: least.toFixed(1),
    "the reads in C, ns": median(reads).toFixed(1),
    "least ": Math.min(...reads).toFixed(1),
    "million a second": (1000 / median(ours)).toFixed(0),
    "at best": (1000 / least).toFixed(0),
  };
}

try {
  console.table(files.map(measure));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
