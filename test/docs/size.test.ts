/** The users' part of the documents stays short enough to be read: README, guides, and the reference without what is made from the source. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { linksOf } from "./markdown.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const textOf = (page: string) => readFileSync(join(root, page), "utf8");

/** Pages and tables that scripts make: docs/messages.md is one from its beginning to its end. */
function written(page: string): string {
  if (page === "docs/messages.md") return "";
  const generated = /<!-- options: [^>]*-->[\s\S]*?<!-- end of options -->|<!-- made by [^>]*-->[\s\S]*$/g;
  return textOf(page).replace(generated, "");
}

function words(page: string): number {
  return written(page)
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}

const shelf = /^## Guides[^\n]*\n([\s\S]*?)^## /m.exec(textOf("docs/README.md"))?.[1] ?? "";
const guides = linksOf(shelf).map((link) => `docs/${link}`);

test("README fits in 120 lines", () => {
  expect(textOf("README.md").trimEnd().split("\n").length).toBeLessThan(120);
});

test("there are guides", () => expect(guides.length).toBeGreaterThan(10));

// privacy.md is for the person who decides, and is read with the guide before it.
test.each(guides.filter((page) => page !== "docs/privacy.md"))("the guide %s has fewer than 800 words", (page) => {
  expect(words(page)).toBeLessThan(800);
});

test.each(guides.filter((page) => !/privacy|first-vmcore|dump-for-a-vendor|install/.test(page)))(
  "the guide %s begins with commands",
  (page) => {
    const lines = textOf(page).split("\n");
    expect(lines.findIndex((line) => /^ {4}\S/.test(line))).toBeLessThanOrEqual(4);
  },
);

test("all that users read has fewer than 18,000 words", () => {
  const pages = readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`);
  const all = ["README.md", ...pages].reduce((sum, page) => sum + words(page), 0);
  expect(all).toBeGreaterThan(5000);
  expect(all).toBeLessThan(18_000);
});
