/** What is said of a job in the queue. */
import { expect, test } from "vitest";
import { dumpJob, newDumpJob, newShardJob, shardJob, UnreadableJob } from "../../src/queue/job-data.js";
import { placeOf } from "../../src/queue/open-job.js";
import type { Allowed } from "../../src/shard/allowed.js";
import { type DumpRequest, runIdOf } from "../../src/shard/run-request.js";

const request: DumpRequest = {
  inputs: ["/share/vmcore"],
  identity: [{ size: 1, mtimeMs: 0, etag: undefined }],
  output: "/share/out",
  force: false,
  level: 31,
  format: "kdump",
  codec: { name: "lzo", level: undefined },
  privacy: false,
  privacyStrict: false,
  excludeUnusedVmemmap: false,
  privacyExtra: [],
  privacyKeep: [],
  erase: undefined,
  strict: false,
  salvage: false,
  raw: undefined,
  arch: undefined,
  vmcoreinfo: undefined,
  vmcoreinfoAt: undefined,
  vmcoreinfoDevice: undefined,
  vmlinux: undefined,
};
const idOf = (mtimeMs: number) => runIdOf({ ...request, identity: [{ size: 1, mtimeMs, etag: undefined }] });

// BullMQ refuses numbers, and one digest in 1800 is one.
test("no id is a number, in any notation", () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => idOf(i));
  expect(ids.filter((id) => !/^[a-p][0-9a-f]{15}$/.test(id) || !Number.isNaN(Number(id)))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  expect(idOf(7)).toBe(idOf(7));
});

// A staging is OUT.coresieve-ID/DIGEST/: a worker removes it, and whoever can write to Redis names both.
test.each(["..", "/../../other", "a/../../../../other", "a000000000000000/..", ""])(
  "what becomes a part of a folder's name is no path: %j",
  async (path) => {
    const digest = "5".repeat(64);
    const id = runIdOf(request);
    const dump = newDumpJob(request, { shards: 2, priority: 0, host: "h", at: 1 });
    const planned = { digest, shards: 2, kept: 5, round: 0, program: "0.1.0" };
    const shard = newShardJob({ dump: id, index: 0, shards: 2, pages: 5, digest });
    expect(dumpJob({ ...dump, planned })).toEqual({ ...dump, planned });
    expect(() => dumpJob({ ...dump, planned: { ...planned, digest: path } })).toThrow(UnreadableJob);
    expect(() => shardJob({ ...shard, digest: path })).toThrow(UnreadableJob);
    expect(() => shardJob({ ...shard, dump: path })).toThrow(UnreadableJob);
    const allowed: Allowed = {
      openInput: () => expect.unreachable(),
      object: (name) => name,
      output: (path) => ({ path, folder: undefined }),
    };
    const host = { allowed, store: () => Promise.reject(new Error("not asked for")) };
    await expect(placeOf(path, dump, host)).rejects.toThrow(UnreadableJob);
    await expect(placeOf(id, dump, host)).rejects.toThrow("/share");
  },
);
