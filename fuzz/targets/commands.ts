/** What commands beside the filter do with a damaged dump: verify, audit, estimate, report, pages one by one. */
import { auditDump } from "../../src/audit/audit-dump.js";
import { estimateDump } from "../../src/estimate/estimate-dump.js";
import { pagesOf } from "../../src/library/pages-of.js";
import type { Dump } from "../../src/reader/dump.js";
import { openDump } from "../../src/reader/open.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { rearrangeDump } from "../../src/writer/rearrange.js";
import { reassembleDump } from "../../src/writer/reassemble.js";
import { flatten } from "../../test/support/flattened-image.js";
import { buildKdump } from "../../test/support/kdump-image.js";
import { asFile, folder } from "../files.js";
import type { FuzzTarget } from "../target.js";
import { elfs, kdumps } from "./dump-files.js";
import { runThreads } from "./runs.js";

/** Beyond it a reading takes long: two bitmaps of 1 MiB. */
const MOST_PAGES = 2 ** 23;
const SECRETS = [{ line: 1, bytes: Buffer.from("secret word") }];

async function allOf(dump: Dump): Promise<void> {
  await passing(auditDump(dump, { secrets: SECRETS }));
  await passing(estimateDump(dump, { workers: runThreads() }));
  await passing(
    (async () => {
      let last = -1;
      for await (const page of pagesOf(dump)) {
        if (page.pfn <= last) throw new Error(`page ${page.pfn} behind ${last}`);
        last = page.pfn;
        if (last > 2000) return;
      }
    })(),
  );
}

/** Waits, and lets a DumpError pass. */
async function passing(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (
      !(error instanceof Error && error.name === "DumpError") ||
      (error as { code?: string }).code === "WORKER_FAILED"
    )
      throw error;
  });
}

const commandsTarget: FuzzTarget = {
  name: "commands",
  reach: 13_000,
  seeds: () => [...elfs, ...kdumps.map(buildKdump), flatten(elfs[0] as Uint8Array, { recordSize: 700 })],
  async run(input) {
    const path = asFile("commanded", input);
    const output = { path: `${folder}/rearranged`, force: true };
    await passing(rearrangeDump(path, output));
    for (const salvage of [true, false]) {
      const dump = openDump(path, new Warnings(), { salvage });
      try {
        if (dump.maxMapnr > MOST_PAGES) return;
        if (!salvage) await passing(reassembleDump(dump, output));
        await allOf(dump);
      } finally {
        dump.close();
      }
    }
    await passing(verifyDump(path, { workers: runThreads() }));
  },
};

export const commandTargets: readonly FuzzTarget[] = [commandsTarget];
