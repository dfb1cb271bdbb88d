/** Reports in Chromium: they open without a complaint, zoom, tell what is where, and run nothing that a dump says. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KIND } from "../../src/kernel/page/page-kinds.js";
import { DROPPED, STORED, stateOf } from "../../src/report/page-states.js";
import { renderReport } from "../../src/report/render-report.js";
import { describedReport, HOSTILE, lifelikeRuns, type Run } from "../report/support.js";
import { temporaryFolder } from "../support/filter.js";
import { describeWithBrowser, openFile, startBrowser } from "./browser.js";

const SLAB = stateOf(KIND.slab, STORED);
const FREE = stateOf(KIND.free, DROPPED);
/** 64 MiB: the first 8 are slab, all else is free, but for one page at 32 MiB. */
const SMALL: readonly Run[] = [
  [SLAB, 2048],
  [FREE, 6144],
  [stateOf(KIND["page-table"], STORED), 1],
  [FREE, 8191],
];

describeWithBrowser("reports in Chromium", () => {
  const folder = temporaryFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const small = () => write("small.html", renderReport(describedReport(2 ** 14, SMALL)));
  const live = (page: Page) => page.locator("#live").textContent();
  /** The colour in the middle of the row with the page, at a share of the width. */
  const pixel = (page: Page, x: number, y: number) =>
    page.evaluate(`{
      const canvas = document.querySelector("#canvas");
      const scale = canvas.width / canvas.clientWidth;
      canvas.getContext("2d").getImageData(${x} * scale, ${y} * scale, 1, 1).data.join(" ");
    }`);

  test("keys zoom to single pages and name them, one after the other", async () => {
    const { page, complaints } = await openFile(browser, small());
    expect(await page.locator("#scale").textContent()).toBe("A row is 4 MiB, a column 16 KiB (4 pages).");
    await page.focus("#canvas");
    await page.keyboard.press("Home");
    expect(await live(page)).toBe("0x0 to 0x4000, pfn 0 to 3: 16 KiB. text. slab: kept");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(await live(page)).toContain("free (buddy allocator): dropped");
    await page.keyboard.press("ArrowUp");
    expect(await live(page)).toContain("slab: kept");
    for (let i = 0; i < 12; i++) await page.keyboard.press("+");
    expect(await page.locator("#scale").textContent()).toBe("A row is 256 KiB, a column 4 KiB (one page).");
    await page.keyboard.press("End");
    expect(await live(page)).toBe("0x3fff000, pfn 16383. text, zone Normal. free (buddy allocator): dropped");
    await page.keyboard.press("ArrowRight");
    expect(await live(page)).toContain("pfn 16383");
    await page.keyboard.press("PageUp");
    await page.keyboard.press("ArrowLeft");
    expect(await live(page)).toMatch(/pfn \d+\. text, zone Normal\. free/);
    await page.keyboard.press("0");
    expect(await page.locator("#scale").textContent()).toContain("A row is 4 MiB");
    expect(complaints).toEqual([]);
  });

  test("an address leads to its page, and nonsense to none", async () => {
    const { page, complaints } = await openFile(browser, small());
    await page.fill("#place", "32M");
    await page.keyboard.press("Enter");
    expect(await live(page)).toBe(
      "0x2000000 to 0x2004000, pfn 8192 to 8195: 16 KiB. text, zone Normal. 75 % free (buddy allocator): dropped. 25 % page tables: kept",
    );
    for (let i = 0; i < 12; i++) await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("canvas");
    await page.fill("#place", "pfn 8192");
    await page.click("#go button");
    expect(await live(page)).toBe("0x2000000, pfn 8192. text, zone Normal. page tables: kept");
    await page.fill("#place", "nonsense");
    await page.click("#go button");
    expect(await page.locator("#place:invalid").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("the mouse: what it points at is told, a click and the wheel zoom there, dragging moves", async () => {
    const { page, complaints } = await openFile(browser, small());
    const box = (await page.locator("#canvas").boundingBox()) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    await page.mouse.move(box.x + 300, box.y + 8);
    expect(await page.locator("#tip").textContent()).toMatch(/^0x[0-9a-f]+ to .*slab: kept$/);
    await page.mouse.move(box.x + 300, box.y + 4 * 30);
    expect(await page.locator("#tip").textContent()).toContain("free (buddy allocator): dropped");
    const scale = () => page.locator("#scale").textContent();
    const before = await scale();
    await page.mouse.wheel(0, -120);
    await page.waitForTimeout(50);
    expect(await scale()).toBe(before);
    await page.evaluate("scrollTo(0, 0)");
    await page.mouse.click(box.x + 300, box.y + 4 * 30);
    await page.mouse.wheel(0, -120);
    await page.waitForTimeout(50);
    await page.mouse.wheel(0, -120);
    await expect.poll(scale).toBe("A row is 1 MiB, a column 4 KiB (one page).");
    const top = () => page.evaluate<number>("document.querySelector('#scroller').scrollTop");
    const from = await top();
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + 40, { steps: 4 });
    await page.mouse.up();
    expect((await top()) - from).toBeCloseTo(80, -1);
    await page.mouse.move(box.x + 2, box.y + 2);
    expect(await page.locator("#tip").isHidden()).toBe(true);
    await page.click("#zoom-out");
    expect(await scale()).toContain("A row is 2 MiB");
    await page.click("#zoom-in");
    await page.click("#zoom-all");
    expect(await scale()).toBe(before);
    expect(complaints).toEqual([]);
  });

  test("kinds have colours of their own, the legend takes them away, and fates have others", async () => {
    const { page, complaints } = await openFile(browser, small());
    await page.waitForTimeout(100);
    const slab = await pixel(page, 301, 8);
    const free = await pixel(page, 301, 4 * 30);
    expect(slab).not.toBe(free);
    await page.uncheck('input[data-toggle="1"]');
    await expect.poll(() => pixel(page, 301, 8)).not.toBe(slab);
    expect(await pixel(page, 301, 4 * 30)).toBe(free);
    await page.check('input[data-toggle="1"]');
    await expect.poll(() => pixel(page, 301, 8)).toBe(slab);
    await page.check('input[value="fate"]');
    await expect.poll(() => pixel(page, 301, 8)).not.toBe(slab);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.check('input[value="kind"]');
    await expect.poll(() => pixel(page, 301, 4 * 30)).not.toBe(free);
    // Of this test's own reading.
    expect(complaints.filter((one) => !one.includes("getImageData"))).toEqual([]);
  });

  test("nothing that a dump says is run", async () => {
    const path = write("hostile.html", renderReport(describedReport(2 ** 14, SMALL, HOSTILE)));
    const { page, complaints } = await openFile(browser, path);
    await page.focus("#canvas");
    await page.keyboard.press("Home");
    expect(await live(page)).toContain("</script>");
    expect(await page.evaluate("globalThis.harm")).toBeUndefined();
    expect(await page.locator("img").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("a script that came in all the same is not run: the page's policy stops it", async () => {
    const text = renderReport(describedReport(2 ** 14, SMALL)).replace(
      "<main>",
      "<main><script>globalThis.harm=1</script><img src=x onerror='globalThis.harm=1'>",
    );
    const { page, complaints } = await openFile(browser, write("changed.html", text));
    expect(await page.evaluate("globalThis.harm")).toBeUndefined();
    expect(complaints.join("\n")).toContain("Content Security Policy");
  });

  test.each([
    ["1 TiB", 2 ** 28, 400, { width: 1280, height: 900 }],
    ["1 TiB in a narrow window", 2 ** 28, 20_000, { width: 380, height: 700 }],
  ])("%s opens, zooms down to its cells, and stays within the window", async (_, pages, longest, viewport) => {
    const path = write("large.html", renderReport(describedReport(pages, lifelikeRuns(pages, longest))));
    const { page, complaints } = await openFile(browser, path, { viewport });
    await page.focus("#canvas");
    await page.keyboard.press("End");
    for (let i = 0; i < 20; i++) await page.keyboard.press("+");
    expect(await page.locator("#scale").textContent()).toBe("A row is 16 MiB, a column 256 KiB (64 pages).");
    expect(await live(page)).toMatch(/pfn \d+ to \d+/);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(viewport.width);
    expect(complaints).toEqual([]);
  });

  test.each([
    ["390 px", { width: 390, height: 900 }, "screen"],
    ["A4", { width: 718, height: 1050 }, "print"],
  ] as const)("nothing is cut off on %s, and the log is open at its end", async (_, viewport, media) => {
    const lines = Array.from(
      { length: 80 },
      (_, i) => `[${i}.000000] a line of the log that has a hundred characters ${"x".repeat(60)}\n`,
    );
    const data = { ...describedReport(2 ** 14, lifelikeRuns(2 ** 14, 8)), log: { lines, before: 7 } };
    const path = write("lifelike.html", renderReport(data));
    const page = await browser.newPage({ viewport });
    await page.emulateMedia({ media });
    await page.goto(`file://${path}`);
    await page.waitForSelector("html[data-ready]");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(viewport.width);
    const wider =
      "[...document.querySelectorAll('pre, table, .wide, .end')].filter((one) => one.scrollWidth > one.clientWidth + 1)";
    expect(await page.evaluate(`${wider}.map((one) => one.outerHTML.slice(0, 80))`)).toEqual([]);
    const bottom = (selector: string) =>
      page.evaluate(`document.querySelector('${selector}').getBoundingClientRect().bottom`);
    expect(Math.abs(Number(await bottom(".end")) - Number(await bottom(".end pre")))).toBeLessThan(2);
    await page.close();
  });

  test("paper, which is narrower than the screen, has the whole picture", async () => {
    const path = write("paper.html", renderReport(describedReport(2 ** 14, lifelikeRuns(2 ** 14, 8))));
    const page = await browser.newPage({ viewport: { width: 718, height: 1050 } });
    await page.emulateMedia({ media: "print" });
    await page.goto(`file://${path}`);
    await page.waitForSelector("html[data-ready]");
    // As it was drawn for a screen of 1280: a browser does not draw it again for paper.
    const widths = await page.evaluate(`(() => {
      const canvas = document.querySelector("#canvas");
      canvas.style.width = "1200px";
      return [canvas.getBoundingClientRect().width, document.querySelector("#scroller").clientWidth];
    })()`);
    const [canvas, frame] = widths as [number, number];
    expect(canvas).toBe(frame);
    await page.close();
  });

  test("the tables are there without JavaScript", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`file://${small()}`);
    expect(await page.locator("table").count()).toBe(3);
    expect(await page.locator("noscript").textContent()).toContain("JavaScript");
    expect(await page.locator("#map").isHidden()).toBe(true);
  });
});
