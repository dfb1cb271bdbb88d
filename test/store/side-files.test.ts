/** What a command line names beside the dump may be objects, too: what is read, what is written, and what is refused by name. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { rearrangeDump } from "../../src/writer/rearrange.js";
import { expectFailure, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";

let store: S3Double;
const folder = temporaryFolder();
const file = join(folder, "vmcore");
const small = join(folder, "small");

beforeAll(async () => {
  store = await startS3Double();
  writeFileSync(file, sampleDump());
  await filterFile(file, small, { codec: "lzo" });
  await store.put("dumps/vmcore", readFileSync(file));
  await store.put("dumps/small", readFileSync(small));
});
afterAll(() => store.stop());
beforeEach(() => store.clear());

async function said(...args: readonly string[]): Promise<string> {
  const run = await runCli(args);
  expect(run.code, run.stderr).toBe(0);
  return run.stdout.toString();
}

test("verify --against fetches both dumps by plan, and of the original no page that is not compared", async () => {
  const found = await verifyDump("s3://dumps/small", { against: "s3://dumps/vmcore", workers: 2 });
  const expected = await verifyDump(small, { against: file, workers: 2 });
  expect(found.comparison).toEqual({ ...expected.comparison, original: ["s3://dumps/vmcore"] });
  expect(found.whole).toBe(true);
  const reads = (await store.log()).filter(({ name, method }) => name === "dumps/vmcore" && method === "GET");
  const bytes = reads.reduce((sum, { sent = 0 }) => sum + sent, 0);
  expect(bytes).toBeLessThan(0.7 * readFileSync(file).length);
  // Read page by page as they are asked for they would be several hundred.
  expect(reads.length).toBeLessThan(bytes / 100_000);
});

test("options, rules, secrets, VMCOREINFO and vmlinux are read from objects", async () => {
  await store.put("dumps/options.json", Buffer.from('{"level": 1, "json": true}'));
  const kept = JSON.parse(await said(file, join(folder, "out"), "--config", "s3://dumps/options.json", "-f")) as object;
  expect(kept).toMatchObject({ level: 1 });

  await said("-g", "s3://dumps/info.txt", file);
  const text = ((await store.get("dumps/info.txt")) as Buffer).toString();
  expect(text).toMatch(/^OSRELEASE=/);
  const wrong = Buffer.from(text.replace(/^OSRELEASE=.*/, "OSRELEASE=5.0.0-of-another-host"));
  await store.put("dumps/wrong.txt", wrong);
  expect(await said("info", file, "-i", "s3://dumps/info.txt", "--vmcoreinfo-text")).toMatch(/^OSRELEASE=|OSRELEASE/m);
  expectFailure(await runCli(["info", file, "-i", "s3://dumps/wrong.txt"]), 2, "s3://dumps/wrong.txt", "5.0.0");

  await store.put("dumps/secrets", Buffer.from("no such words in any dump\n"));
  const audit = await runCli(["audit", small, "--secrets", "s3://dumps/secrets", "--json"]);
  expect(JSON.parse(audit.stdout.toString())).toMatchObject({ secrets: [{ line: 1, found: 0 }] });

  await store.put("dumps/rules", Buffer.from("[vmlinux]\nno rule of ours\n"));
  expectFailure(await runCli([file, join(folder, "out"), "-f", "--erase", "s3://dumps/rules"]), 2, "s3://dumps/rules");

  await store.put("dumps/vmlinux", Buffer.from("no kernel\n"));
  expectFailure(await runCli(["info", file, "-x", "s3://dumps/vmlinux"]), 2, "s3://dumps/vmlinux");
  expectFailure(await runCli(["info", file, "-x", "s3://dumps/none"]), 1, "there is no such object");
});

test("reports and manifests go to objects; a name that is taken is known before the run", async () => {
  const run = [file, "s3://dumps/out", "-l", "--manifest", "s3://dumps/out.json", "--report", "s3://dumps/out.html"];
  await said(...run, "--manifest-digests", "output");
  expect(await said("verify", "s3://dumps/out", "--manifest", "s3://dumps/out.json")).toContain(
    "Manifest  s3://dumps/out.json: of out, this file",
  );
  const page = ((await store.get("dumps/out.html")) as Buffer).toString();
  expect(page).toMatch(/^<!doctype html>/i);
  await store.clear();
  expectFailure(
    await runCli([file, "s3://dumps/other", "-l", "--manifest", "s3://dumps/out.json"]),
    1,
    "s3://dumps/out.json",
    "exists already",
  );
  expect(await store.names()).not.toContain("dumps/other");
  expect((await store.log()).filter(({ method }) => method === "PUT" || method === "POST")).toEqual([]);
});

test("a flattened object is put together without a local copy", async () => {
  const flat = await runCli(["-F", file, "-d", "31", "-l"]);
  await store.put("dumps/flat", flat.stdout);
  await rearrangeDump("s3://dumps/flat", { path: "s3://dumps/plain", force: true });
  expect(((await store.get("dumps/plain")) as Buffer).equals(readFileSync(small))).toBe(true);
});

test.each([
  [[file, join(folder, "none"), "--extension", "s3://dumps/module.mjs"], "--extension"],
  [[file, join(folder, "none"), "--spool-dir", "s3://dumps/tmp"], "--spool-dir"],
  [["bench", file, "--folder", "s3://dumps/tmp"], "--folder"],
  [["estimate", file, "--to", "s3://dumps/out"], "--to"],
])("what can only be on this machine is refused by name: %j", async (args, option) => {
  expectFailure(await runHere(args), 2, `${option} cannot be an object of a store`);
});
