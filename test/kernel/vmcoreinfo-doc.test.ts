/** docs/dev/vmcoreinfo.md names everything: what the program reads, and what real kernels export. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { describeWithDumps, realDump, realDumps } from "../support/dumps.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const document = readFileSync(join(root, "docs/dev/vmcoreinfo.md"), "utf8");
const documented = new Set([...document.matchAll(/`([^`]+)`/g)].map((match) => match[1]));

describe("docs/dev/vmcoreinfo.md", () => {
  test("names every item that the program reads", () => {
    const read = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [
        ...readFileSync(join(root, "src", name), "utf8").matchAll(
          /\.(symbol|size|offset|length|number)\("([\w.]+)"\)/g,
        ),
      ])
      .map(([, kind, name]) => `${kind?.toUpperCase()}(${name})`);
    expect(read.length).toBeGreaterThan(40);
    expect([...new Set(read)].filter((item) => !documented.has(item))).toEqual([]);
  });
});

test("docs/dev/vmcoreinfo.md lists every file that asks for a kernel's version, and no other", () => {
  const asking = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts"))
    .filter((name) => /\b(kernelVersion|parseKernelVersion)\(/.test(readFileSync(join(root, "src", name), "utf8")));
  const section = document.split("## Where a kernel's version is asked")[1]?.split("\n## ")[0] ?? "";
  const listed = [...section.matchAll(/`([\w/-]+\.ts)`/g)].map((match) => match[1]);
  expect(listed.sort()).toEqual(asking.sort());
});

describeWithDumps("docs/dev/vmcoreinfo.md and real kernels", () => {
  test.each(realDumps)("names every item of $name", async ({ name }) => {
    const text = readFileSync((await realDump(name)).vmcoreinfo, "latin1");
    const items = text
      .split("\n")
      .map((line) => line.split("=")[0] ?? "")
      .filter((item) => item !== "");
    expect(items.filter((item) => !documented.has(item))).toEqual([]);
  });
});
