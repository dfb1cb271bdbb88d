/** A run by steps (plan, shard, finish) within the test. */
import { codecOf } from "../../src/codec/codecs.js";
import { allAllowed } from "../../src/shard/allowed.js";
import { identityOf, objectIdentity } from "../../src/shard/input-identity.js";
import type { DumpRequest } from "../../src/shard/run-request.js";
import { finishRun } from "../../src/steps/finish-run.js";
import { planRun } from "../../src/steps/plan-run.js";
import { shardRun } from "../../src/steps/shard-run.js";
import { cleanStaging, stagingState } from "../../src/steps/staging-state.js";
import type { StepHost } from "../../src/steps/step-host.js";
import { stepPlace } from "../../src/steps/step-place.js";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { isStorePath } from "../../src/store/store-url.js";
import type { WorkerThreads } from "../../src/worker/threads.js";
import type { RunOptions } from "./filter.js";

/** What a run by steps is asked for. */
export async function requestOf(input: string, output: string, by: RunOptions, force = false): Promise<DumpRequest> {
  const { name, level } = codecOf(by.codec ?? "none");
  return {
    inputs: [input],
    identity: [isStorePath(input) ? await objectIdentity(input) : identityOf(input)],
    ...{ output, force, strict: false, salvage: false },
    level: by.level ?? 31,
    format: by.format ?? "kdump",
    codec: { name, level },
    privacy: Boolean(by.privacy),
    privacyStrict: by.privacy === "strict",
    excludeUnusedVmemmap: by.excludeUnusedVmemmap ?? false,
    privacyExtra: by.privacyExtra ?? [],
    privacyKeep: [],
    erase: by.erase === undefined ? undefined : { name: "rules", text: by.erase },
    ...{ raw: undefined, arch: undefined, vmcoreinfo: undefined, vmcoreinfoAt: undefined },
    ...{ vmcoreinfoDevice: undefined, vmlinux: undefined },
  };
}

/** The steps of a run in a place, each as a host of its own does it. */
export function stepsIn(path: string, spoolDir: string, threads: WorkerThreads) {
  let hosts = 0;
  const as = async <T>(does: (host: StepHost) => Promise<T>): Promise<T> => {
    let opened: StoreThread | undefined;
    const store = async () => {
      opened ??= openStore();
      return opened;
    };
    const place = await stepPlace(path, store);
    const { signal } = new AbortController();
    try {
      return await does({ name: `host${hosts++}`, place, store, threads, signal, allowed: allAllowed() });
    } finally {
      place.letGo();
      await opened?.close();
    }
  };
  return {
    plan: (request: DumpRequest, shards: number) => as((host) => planRun(host, request, shards)),
    shard: (index: number, patience = 0) => as((host) => shardRun(host, index, { spoolDir, patience })),
    finish: () => as(finishRun),
    state: () => as(stagingState),
    clean: () => as(cleanStaging),
  };
}
