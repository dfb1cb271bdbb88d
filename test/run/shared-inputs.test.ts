/** Inputs that once showed a fault: what became of each. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeWithDumps, sharedInput } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";

const output = join(temporaryFolder(), "out.kdump");

describeWithDumps("a distribution's kernel with newer memory management than its name has", () => {
  test("the tails of its huge pages go with their heads", async () => {
    const { classes, warnings } = await filterFile(await sharedInput("el9-backport-6.9.elf"), output);
    // What makedumpfile's newest source says of it.
    expect(classes).toMatchObject({ user: 1546, free: 2090 });
    expect(warnings.map(({ code }) => code)).toEqual(["FREE_ORDER"]);
  });
});
