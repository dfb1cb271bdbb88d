/** Each change of the kernel that once broke filters has its case, under the name that the support matrix gives it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { machines } from "./arch/machines.js";
import { kernelCases, newerReleases } from "./kernel/menagerie.js";
import { type TimelineCase, timeline } from "./kernel/timeline.js";

const kernels = new Set<string>([...kernelCases.map(([name]) => name), ...newerReleases]);
const machineNames = new Set(machines.map(({ name }) => name));

function isThere(one: TimelineCase): boolean {
  if ("list" in one) return (one.list === "kernels" ? kernels : machineNames).has(one.name);
  const path = fileURLToPath(new URL(`../../${one.file}`, import.meta.url));
  return readFileSync(path, "utf8").includes(one.title);
}

test.each(timeline)("$kernel: $change", ({ cases }) => {
  expect(cases.length).toBeGreaterThan(0);
  expect(cases.filter((one) => !isThere(one))).toEqual([]);
});
