/** Whole runs: a damaged dump is filtered, and what comes out must be whole. */

import { DumpError } from "../../src/errors.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { buildKdump } from "../../test/support/kdump-image.js";
import { toKdump } from "../../test/support/kernel-dump.js";
import { buildKernel, MiB } from "../../test/support/kernel-image.js";
import { checkedRun } from "../checked-run.js";
import { asFile } from "../files.js";
import { inProcessThreads } from "../in-process-threads.js";
import { randomFrom } from "../random.js";
import { Recipe } from "../recipe.js";
import type { FuzzTarget } from "../target.js";
import { put, take } from "../values.js";
import { elfs, kdumps } from "./dump-files.js";

let threads: WorkerThreads | undefined;
const inProcess = inProcessThreads();

/** The one thread that all runs of this process have. */
export function runThreads(): WorkerThreads {
  threads ??= new WorkerThreads(1);
  return threads;
}

/** Filters at level 31 with one thread and verifies the output. */
async function filterAndVerify(
  input: string,
  salvage: boolean,
  format: "kdump" | "elf",
  workers: WorkerThreads,
): Promise<void> {
  const dump = openDump(input, new Warnings(), { salvage });
  if (dump.maxMapnr > 2 ** 23) return dump.close();
  await checkedRun(dump, { level: 31, format }, workers);
}

async function bothWays(input: string, format: "kdump" | "elf", workers: WorkerThreads): Promise<void> {
  await filterAndVerify(input, true, format, workers).catch((error: unknown) => {
    if (!(error instanceof DumpError) || error.code === "WORKER_FAILED") throw error;
  });
  await filterAndVerify(input, false, format, workers);
}

const smallTarget: FuzzTarget = {
  name: "run-small",
  reach: 1000,
  seeds: () => [...elfs, ...kdumps.map(buildKdump)],
  run: (input) => bothWays(asFile("input", input), (input[5] ?? 0) % 2 === 0 ? "kdump" : "elf", runThreads()),
};

const bases = new Map<number, { readonly bytes: Uint8Array; readonly places: readonly number[] }>();

/** Numbers from here on are kernels with 6 MiB of memory: four times as many runs in a second as with 24 MiB. */
const SMALL = 64;

/** A kernel as kdump, and the places in the file that are not zero, the headers' first. */
function base(number: number) {
  const index = (number % 3) + (number < SMALL ? 0 : SMALL);
  const known = bases.get(index);
  if (known !== undefined) return known;
  const pages = [
    { pfn: 64, kind: "anon", count: 8 },
    { pfn: 128, kind: "free", order: 4 },
  ] as const;
  const kernel = buildKernel({
    release: ["6.1.0", "6.12.0", "3.10.0"][number % 3] as string,
    memory:
      number < SMALL
        ? 24 * MiB
        : [
            { start: 0, end: MiB },
            { start: 16 * MiB, end: 21 * MiB },
          ],
    memoryModel: number % 3 === 0 ? "sparse-extreme" : "sparse-vmemmap",
    pages,
  });
  const bytes = toKdump(kernel, { codec: number % 3 === 1 ? "raw" : "zlib" });
  const places: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) if (take(bytes, at, 4, true) !== 0n) places.push(at);
  const made = { bytes, places };
  bases.set(index, made);
  return made;
}

/** A recipe: the kernel, how, then words that are changed. */
const kernelRunTarget: FuzzTarget = {
  name: "run-kernel",
  longest: 96,
  seeds() {
    const random = randomFrom(5);
    return Array.from({ length: 24 }, (_, i) =>
      Uint8Array.of(i < 12 ? i : i + 2 * SMALL, i, ...Array.from({ length: i % 12 < 3 ? 0 : 16 }, () => random(256))),
    );
  },
  async run(input) {
    const recipe = new Recipe(input);
    const { bytes: original, places } = base(recipe.number(1));
    const how = recipe.number(1);
    const bytes = original.slice();
    const values = [BigInt(bytes.length), BigInt(bytes.length - 4096)];
    while (!recipe.ended) {
      // Half of the changes in the headers and descriptors, which are few.
      const place = recipe.number(2);
      const at = places[(place & 1) === 0 ? (place >> 1) % 2000 : (place * 31) % places.length] as number;
      const size = recipe.pick([4, 8, 2, 1] as const);
      put(bytes, at, recipe.value(take(bytes, at, size, true), values), size, true);
    }
    const cut = how % 5 === 4 ? bytes.subarray(0, 4096 + ((how * 997) % (bytes.length - 4096))) : bytes;
    await bothWays(asFile("input", cut), how % 2 === 0 ? "kdump" : "elf", inProcess);
  },
};

export const runTargets: readonly FuzzTarget[] = [smallTarget, kernelRunTarget];

/** Ends the threads of this process's runs. */
export async function endRuns(): Promise<void> {
  await threads?.destroy();
  threads = undefined;
}
