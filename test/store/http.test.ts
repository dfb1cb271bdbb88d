/** Dumps read and written by HTTP, with URLs that carry their right to it. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { shownUrl } from "../../src/shown-address.js";
import { expectFailure, runCli } from "../support/cli.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { startWebServer, type WebServer } from "../support/http-server.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const file = join(folder, "vmcore");
const whole = join(folder, "whole");
const sample = sampleDump();
let web: WebServer;
/** A URL as a portal hands it out. */
const signed = (path: string, more = "") => `${web.url}${path}?sig=secret${more}`;
const env = { CORESIEVE_S3_PATIENCE: "5", TMPDIR: folder };

beforeAll(async () => {
  web = await startWebServer();
  writeFileSync(file, sample);
  await filterFile(file, whole, { codec: "lzo" });
});
afterAll(() => web.stop());
beforeEach(() => {
  Object.assign(web, { ranges: true, etags: true, faults: [] });
  web.files.clear();
  web.files.set("/dumps/vmcore", sample);
  web.log.length = 0;
});
afterEach(() => expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]));

async function filterBy(input: string, output: string, ...more: readonly string[]) {
  // An output to a URL takes the place of nothing, so -f is refused there.
  const force = /^(https?|parts):/.test(output) ? [] : ["-f"];
  const run = await runCli([input, output, "-l", ...force, ...more], { env });
  for (const text of [run.stdout.toString(), run.stderr]) expect(text).not.toContain("secret");
  return run;
}

test("by ranges, and no more than is needed", async () => {
  const out = join(folder, "out");
  const run = await filterBy(signed("/dumps/vmcore"), out);
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 });
  expect(readFileSync(out).equals(readFileSync(whole))).toBe(true);
  expect(web.log.every(({ method, range }) => method === "GET" && range !== undefined)).toBe(true);
});

test.each([
  ["without ranges", { ranges: false }],
  ["without ETag and date", { etags: false }],
])("a server %s: once, through a temporary file", async (_, how) => {
  Object.assign(web, how);
  const out = join(folder, "out");
  expect((await filterBy(signed("/dumps/vmcore"), out)).code).toBe(0);
  expect(readFileSync(out).equals(readFileSync(whole))).toBe(true);
  expect(web.log.filter(({ range }) => range === undefined)).toHaveLength(1);
});

test("cut, reset and busy: asked again from there on", async () => {
  web.faults = [
    { method: "GET", what: "cut", skip: 1 },
    { method: "GET", what: "reset", skip: 1 },
    { method: "GET", what: 503, skip: 1 },
  ];
  const out = join(folder, "out");
  expect((await filterBy(signed("/dumps/vmcore"), out)).code).toBe(0);
  expect(web.faults).toEqual([]);
  expect(readFileSync(out).equals(readFileSync(whole))).toBe(true);
});

test("what is wrong with a URL is named, without its secrets", async () => {
  const out = join(folder, "none");
  expectFailure(await filterBy(`${web.url}/dumps/vmcore?sig=old&key=secret`, out), 1, "403", "Request has expired");
  expectFailure(await filterBy(signed("/dumps/none"), out), 1, "there is no such object", "/dumps/none");
  web.files.set("/dumps/empty", Buffer.alloc(0));
  expectFailure(await filterBy(signed("/dumps/empty"), out), 1, "is empty");
  expectFailure(await runCli(["plan", signed("/dumps/vmcore"), out, "--staging", folder]), 2, "nothing by HTTP");
  expect(shownUrl("https://user:pass@host:1/a%20b?X-Amz-Signature=1#2")).toBe("https://host:1/a%20b");
  expect(shownUrl("a?b#c")).toBe("a?b#c");
});

test("replaced while it is read: an error, and no output", async () => {
  const run = runCli([signed("/dumps/vmcore"), join(folder, "none"), "-l"], { env });
  await expect.poll(() => web.log.length, { timeout: 20_000, interval: 1 }).toBeGreaterThan(0);
  const other = Buffer.from(sample);
  other[other.length - 1] = (other[other.length - 1] as number) ^ 1;
  web.files.set("/dumps/vmcore", other);
  expectFailure(await run, 1, "was replaced while it was read");
  expect(readdirSync(folder)).not.toContain("none");
});

test("sent by one PUT, when it is whole; a busy server is asked again", async () => {
  web.faults = [{ method: "PUT", what: 503 }];
  const run = await filterBy(file, signed("/up/small.kdump"));
  expect(run).toMatchObject({ code: 0, stdout: expect.anything() });
  expect(run.stdout.toString()).toContain("/up/small.kdump");
  expect((web.files.get("/up/small.kdump") as Buffer).equals(readFileSync(whole))).toBe(true);
  expectFailure(await filterBy(file, `${web.url}/up/x?sig=old`), 1, "403");
  expectFailure(await filterBy(file, signed("/up/x"), "--manifest", join(folder, "m")), 2, "sent by HTTP");
});

test.each([
  ["and completed", true],
  ["completed by somebody else", false],
])("sent in parts, %s", async (_, completes) => {
  const size = 1 << 20;
  const urls = join(folder, "urls.json");
  const parts = [1, 2, 3, 4].map((n) => signed("/up/parts", `&partNumber=${n}`));
  const complete = completes ? { complete: signed("/up/parts") } : {};
  writeFileSync(urls, JSON.stringify({ partSize: size, parts, ...complete }));
  expect((await filterBy(file, `parts:${urls}`)).code).toBe(0);
  const asked = web.log.map(({ method, query }) => `${method} ${/partNumber=(\d)/.exec(query)?.[1] ?? ""}`);
  expect(asked).toEqual(["PUT 1", "PUT 2", "PUT 3", ...(completes ? ["POST "] : [])]);
  if (completes) expect((web.files.get("/up/parts") as Buffer).equals(readFileSync(whole))).toBe(true);
  writeFileSync(urls, JSON.stringify({ partSize: size, parts: parts.slice(0, 1), ...complete }));
  expectFailure(await filterBy(file, `parts:${urls}`), 1, "the URLs are for 1048576");
  writeFileSync(urls, JSON.stringify({ partSize: 0, parts }));
  expectFailure(await filterBy(file, `parts:${urls}`), 2, "partSize");
});
