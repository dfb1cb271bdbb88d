/** A page that is missing ends no command that can do without it: dumps that ran out of room early, and single pages that are gone. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runHere } from "../support/cli-here.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
writeFileSync(at("sample"), sampleDump());
await filterFile(at("sample"), at("whole"), { level: 0, codec: "lzo" });
const whole = readFileSync(at("whole"));

/** Where a 64-bit header has its status. */
const STATUS_AT = 424;
const STATUS_INCOMPLETE = 8;
const file = openKdump(at("whole"));
const { descriptorsAt } = file;
const count = [...bitmapPfns(file.bitmap2)].length;
file.close();

/** The dump without some pages: marked, as a run leaves it that ran out of room. */
function without(from: number, to: number): string {
  const bytes = Buffer.from(whole);
  bytes.fill(0, descriptorsAt + 24 * from, descriptorsAt + 24 * to);
  bytes.writeInt32LE(bytes.readInt32LE(STATUS_AT) | STATUS_INCOMPLETE, STATUS_AT);
  writeFileSync(at("cut"), bytes);
  return at("cut");
}

const cuts = [1, 500, 1024, 3000, 6400, 7600].flatMap((from) => [
  { from, to: count },
  { from, to: from + 1 },
]);

test.each(cuts)("info of a dump without its pages from $from to $to", async ({ from, to }) => {
  const run = await runHere(["info", "--json", without(from, to)]);
  expect([run.code, run.stderr]).toEqual([0, ""]);
  const info = JSON.parse(run.stdout.toString()) as {
    readonly incomplete: boolean;
    readonly kernelRelease: string;
    readonly filtering: { readonly possible: boolean; readonly reason: string | null; readonly cure: string | null };
  };
  expect([info.incomplete, info.kernelRelease]).toEqual([true, "6.1.192-tiny"]);
  if (to !== count) return;
  // Not what follows from it ("its page tables were not found").
  expect([info.filtering.possible, info.filtering.reason]).toEqual([false, expect.stringMatching(/does not have it$/)]);
  expect(info.filtering.cure).toContain("--salvage");
});

test("a report shows what there is, and why it shows no kinds of pages", async () => {
  const run = await runHere(["report", without(1024, count), at("page.html")]);
  expect([run.code, run.stderr]).toEqual([0, expect.stringContaining("NO_KERNEL_VIEW")]);
});

test("a run that needs the kernel names the page", async () => {
  const run = await runHere([without(1024, count), at("out"), "-l"]);
  expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("does not have it")]);
});
