/** Chromium, as Debian packages it, or where CHROMIUM says. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { describe, test } from "vitest";

const { CHROMIUM, CI } = process.env;

const program = [CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);

/** `describe` for tests in a browser: without one they are skipped, and fail with CI=true. */
export function describeWithBrowser(title: string, tests: () => void): void {
  if (program !== undefined) {
    describe(title, tests);
    return;
  }
  describe(title, () => {
    test.skipIf(CI !== "true")("needs Chromium (apt-get install chromium, or CHROMIUM=path)", () => {
      throw new Error("Chromium is not there");
    });
  });
}

/** Starts it. Root may not use its sandbox; pages here are our own. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: program ?? "chromium", args: ["--no-sandbox", "--disable-gpu"] });
}

export interface OpenPage {
  readonly page: Page;
  /** Errors and messages of the console, and what was asked of the network. */
  readonly complaints: string[];
}

/** Opens a page from disk and waits until its picture is there. */
export async function openFile(browser: Browser, path: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url() !== `file://${path}`) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(`file://${path}`);
  await page.waitForSelector("html[data-ready]");
  return { page, complaints };
}
