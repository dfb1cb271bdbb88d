/** docs/messages.md is what the source says. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}/docs/messages.md`, "utf8");

test("the list of messages is made from the source", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/messages.mjs", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("it has the sentence of what a function says for others, and of a constant", () => {
  expect(page).toContain(
    "| `BAD_OPTION` | is a core (a dump), not a vmlinux | Give the kernel's vmlinux with symbols:",
  );
  expect(page).toContain("| `BAD_OPTION` | -d and --exclude say the same in two ways | Use one of them |");
  expect(page.split("\n").filter((line) => line.startsWith("| `")).length).toBeGreaterThan(300);
});
