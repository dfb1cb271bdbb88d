// Makes docs/images/report.png: the top of a report in Chromium.
//   node scripts/report-picture.mjs REPORT.html [--chromium PATH] [--dark]
// REPORT.html is what a filter run with --report FILE, or `coresieve report`, wrote.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    chromium: { type: "string", default: "/usr/bin/chromium" },
    dark: { type: "boolean", default: false },
    output: { type: "string", default: fileURLToPath(new URL("../docs/images/report.png", import.meta.url)) },
  },
});
if (positionals.length !== 1) {
  console.error("usage: node scripts/report-picture.mjs REPORT.html [--chromium PATH] [--dark] [--output PNG]");
  process.exit(2);
}
const browser = await chromium.launch({ executablePath: values.chromium, args: ["--no-sandbox"] });
const page = await browser.newPage({
  viewport: { width: 1200, height: 1150 },
  colorScheme: values.dark ? "dark" : "light",
});
await page.goto(pathToFileURL(resolve(positionals[0])).href);
await page.waitForSelector("html[data-ready]");
// The tooltip shows what the map tells.
await page.evaluate("document.activeElement.blur()");
const box = await page.locator("#canvas").boundingBox();
await page.mouse.move(box.x + 200, box.y + 315);
await page.waitForTimeout(300);
mkdirSync(new URL("../docs/images/", import.meta.url), { recursive: true });
await page.screenshot({ path: values.output });
await browser.close();
