/** The page of a handover in Chromium: nothing is wider than the window, nothing asks the network, and paper has room for it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { handOverPage } from "../../src/handover/page.js";
import { pageFacts } from "../handover/support.js";
import { temporaryFolder } from "../support/filter.js";
import { describeWithBrowser, startBrowser } from "./browser.js";

describeWithBrowser("the page of a handover", () => {
  const folder = temporaryFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  test("fits 390 and 1280 px, and with all that there can be on it three sheets of A4", async () => {
    const path = join(folder, "out.html");
    writeFileSync(path, handOverPage(pageFacts("a-rather-long-name-of-a-dump-for-a-vendor.kdump")));
    for (const width of [390, 1280]) {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("request", (request) => request.url().startsWith("file:") || complaints.push(request.url()));
      await page.goto(`file://${path}`);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      expect(complaints).toEqual([]);
      const sheets = (await page.pdf({ preferCSSPageSize: true })).toString("latin1").match(/\/Type \/Page\b/g) ?? [];
      expect(sheets.length).toBeLessThanOrEqual(3);
      await page.close();
    }
  });
});
