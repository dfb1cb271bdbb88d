/** What is said of a job in the queue. */
import { expect, test } from "vitest";
import { type DumpRequest, jobIdOf } from "../../src/queue/job-data.js";

const request: DumpRequest = {
  inputs: ["/share/vmcore"],
  identity: [{ size: 1, mtimeMs: 0, etag: undefined }],
  output: "/share/out",
  force: false,
  level: 31,
  format: "kdump",
  codec: { name: "lzo", level: undefined },
  privacy: false,
  privacyExtra: [],
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
const idOf = (mtimeMs: number) => jobIdOf({ ...request, identity: [{ size: 1, mtimeMs, etag: undefined }] });

// BullMQ refuses numbers, and one digest in 1800 is one.
test("no id is a number, in any notation", () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => idOf(i));
  expect(ids.filter((id) => !/^[a-p][0-9a-f]{15}$/.test(id) || !Number.isNaN(Number(id)))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  expect(idOf(7)).toBe(idOf(7));
});
