/** The page for the person who decides: what a dump or a name says cannot become HTML, and each class and kind has its words. */
import { expect, test } from "vitest";
import { PAGE_CLASSES, PRIVACY_CLASSES } from "../../src/filter/page-classes.js";
import { SCRUBBED } from "../../src/filter/privacy/scrubbed.js";
import { handOverPage } from "../../src/handover/page.js";
import { GONE, overwrittenWord } from "../../src/handover/page-words.js";
import { pageFacts } from "./support.js";

test("names and warnings are text, whatever they are", () => {
  const hostile = `<img src=x onerror="alert(1)">&'`;
  const page = handOverPage(pageFacts(hostile));
  expect(page).not.toContain("<img");
  expect(page).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#39;");
  expect(page).toContain(`coresieve verify &#39;${"&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;"}`);
});

test("classes and kinds have words of their own", () => {
  for (const name of [...PAGE_CLASSES, ...PRIVACY_CLASSES])
    if (name !== "kept") expect(GONE[name][0], name).not.toBe("");
  for (const kind of SCRUBBED) expect(overwrittenWord(kind)).not.toBe(kind);
});

test("sums and signatures appear where there are any", () => {
  const page = handOverPage(pageFacts("out"));
  expect(page).toContain("--manifest out.json --audit out.audit.json --key PUBLIC-KEY");
  expect(page).toContain("None of the 3 texts");
  const plain = handOverPage({ ...pageFacts("out"), beside: [], signed: false, searched: 0 });
  expect(plain).not.toContain("coresieve verify");
  expect(plain).toContain("No texts were searched for");
});

test("the sizes of what stays add up to what stays", () => {
  const facts = pageFacts("out");
  const { classes } = facts.filtered;
  const privacy = { ...facts.filtered.privacy, reserved: 8 * 256, slab: 3 * 256, known: 512, stack: 256, percpu: 256 };
  const filtered = { ...facts.filtered, classes: { ...classes, kept: 13 * 256, zero: 512 }, privacy };
  const page = handOverPage({ ...facts, filtered: filtered as typeof facts.filtered });
  const table = /What stays, and why<\/h2>([\s\S]*?)<\/table>/.exec(page)?.[1] ?? "";
  const sizes = [...table.matchAll(/class="num">(−?)([\d.]+) MiB</g)].map(
    ([, sign, mib]) => Number(mib) * (sign ? -1 : 1),
  );
  expect(sizes).toEqual([8, 3, 2, 1, 1, -2, 13]);
  expect(sizes.slice(0, -1).reduce((sum, size) => sum + size, 0)).toBe(13);
});
