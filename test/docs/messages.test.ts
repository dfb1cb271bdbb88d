/** docs/messages.md is what the source says. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}/docs/messages.md`, "utf8");

const sentences = [...page.matchAll(/^- (.*)$/gm)].map(([, sentence = ""]) => sentence);
const cureOf = (sentence: string) => {
  const before = page.slice(0, page.indexOf(`- ${sentence}\n`));
  return /.*^\*\*(.*)\*\*$/ms.exec(before)?.[1];
};

test("the list of messages is made from the source", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/messages.mjs", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("it has the sentence of what a function says for others, and of a constant, below what to do about it", () => {
  expect(cureOf("is a core (a dump), not a vmlinux")).toMatch(/^Give the kernel's vmlinux with symbols:/);
  expect(cureOf("--*name* and -*letter* cannot be combined")).toBe("Use one of them");
  expect(sentences.length).toBeGreaterThan(800);
});

test("a message whose cure is put together is not listed without it", () => {
  const all = page.split("\n- cannot be read (or written): the store cannot be reached: no answer\n")[0] ?? "";
  const cures = all.slice(all.lastIndexOf("\n**"));
  for (const cure of ["**Check AWS_ENDPOINT_URL, AWS_REGION", "**Check AWS_ENDPOINT_URL (", "does not use *name*"])
    expect(cures).toContain(cure);
});

test("sentences that several parts of a program put together are there as they are read", () => {
  expect(sentences).toContain("its bzip2 stream is damaged: the checksum of a block");
  expect(sentences).toContain("cannot be read (or written): there is no such bucket");
  expect(sentences).toContain("does not have all registers of CPU *lacking*: those of all CPUs are left out");
});

test("no sentence is only a name of the source", () => {
  expect(sentences.filter((one) => /^\*[^*]*\*$/.test(one) || one === "")).toEqual([]);
});

test("no sentence has the parser's word for a piece of syntax in the place of a value", () => {
  expect(sentences.filter((one) => /\*[a-z ]*(expression|literal|statement)\*/.test(one))).toEqual([]);
});

test("every code has a heading, what it means, and an example", () => {
  for (const [name, count] of [
    ["errors", 22],
    ["warnings", 36],
  ] as const) {
    const source = readFileSync(`${root}/src/${name}.ts`, "utf8");
    const codes = [...source.slice(0, source.indexOf("*/")).matchAll(/^ \* \| `([A-Z_]+)` \|/gm)].map(
      ([, code]) => code,
    );
    expect(new Set(codes).size).toBe(count);
    for (const code of codes) {
      expect(page.split(`### ${code}\n`)[1], code).toMatch(/^\n.+\.\n(\n.+\n)?\n> coresieve: /);
    }
  }
});
