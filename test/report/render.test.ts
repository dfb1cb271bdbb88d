/** The page as text: nothing out of a dump becomes HTML, and no machine makes it large. */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { html, jsonForScript, rawElement } from "../../src/report/html.js";
import { renderReport } from "../../src/report/render-report.js";
import { describedReport, HOSTILE, lifelikeRuns } from "./support.js";

/** The text of the script elements of a page, with their attributes. */
function scriptsOf(page: string): { attributes: string; text: string }[] {
  const found = [...page.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)];
  return found.map(([, attributes = "", text = ""]) => ({ attributes, text }));
}

const page = (text: string) => renderReport(describedReport(5000, lifelikeRuns(5000, 64), text));

test("what is put into a template is escaped, and templates in templates are not twice", () => {
  expect(html`<p title="${`"'`}">${"<&>"}${html`<b>${1}</b>`}${[html`<i>x</i>`]}</p>`.html).toBe(
    '<p title="&quot;&#39;">&lt;&amp;&gt;<b>1</b><i>x</i></p>',
  );
  expect(html`${"a\u202eb\u0000c\td\u001b"}`.html).toBe("a\\u202eb\\u0000c\td\\u001b");
  expect(jsonForScript("</script><!--\u2028").html).toBe('"\\u003c/script\\u003e\\u003c!--\\u2028"');
  expect(() => rawElement("script", "'</SCRIPT>'")).toThrow();
});

test("texts of a dump cannot become elements, wherever they stand", () => {
  const plain = page("text");
  const hostile = page(HOSTILE);
  const tags = (text: string) => [...text.matchAll(/<\/?[a-z][a-z0-9]*/gi)].map(([tag]) => tag);
  // The same elements in the same order: not one more.
  const withoutScripts = (text: string) => text.replace(/<script[^>]*>.*?<\/script>/gs, "<script></script>");
  expect(tags(withoutScripts(hostile))).toEqual(tags(withoutScripts(plain)));
  expect(scriptsOf(hostile)).toHaveLength(3);
  const forbidden = ["onerror=globalThis.harm=1>", "\u202e", "\u0000", "\u001b"];
  expect(forbidden.filter((what) => hostile.includes(what))).toEqual([]);
});

test("only its own script and style may run, and nothing may be fetched", () => {
  const text = page("text");
  const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(text) ?? [];
  const digest = (what: string) => `sha256-${createHash("sha256").update(what).digest("base64")}`;
  const script = scriptsOf(text).find(({ attributes }) => attributes === "")?.text ?? "";
  const [, style = ""] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
  expect(script.length).toBeGreaterThan(1000);
  expect(policy.replaceAll("&#39;", "'")).toBe(
    `default-src 'none'; script-src '${digest(script)}'; style-src '${digest(style)}'; base-uri 'none'; form-action 'none'`,
  );
  expect(/https?:|\bsrc=|@import|url\(|style="/.exec(text)).toBeNull();
});

test("the cells in the page are the map's", () => {
  const data = describedReport(5000, lifelikeRuns(5000, 64));
  const cells = scriptsOf(renderReport(data)).find(({ attributes }) => attributes.includes('id="cells"'));
  expect(new Uint8Array(inflateSync(Buffer.from(cells?.text ?? "", "base64")))).toEqual(data.map.cells);
});

test("1 TiB makes a page of at most 6 MB, however torn its memory is, and says what it cannot show", () => {
  const pages = 2 ** 28;
  const data = describedReport(pages, lifelikeRuns(pages, 400));
  expect(data.map.unit).toBe(64);
  const text = renderReport(data);
  expect(text.length).toBeLessThan(6e6);
  expect(text.includes("64 pages (256 KiB) share a cell")).toBe(true);
  // Nothing compresses below this: all states with equal shares, in cells of their own.
  const cells = Uint8Array.from({ length: 2 ** 22 }, (_, i) => (Math.imul(i, 2_654_435_761) >>> 13) % 96);
  const worst = renderReport({ ...data, map: { ...data.map, cells } });
  expect(worst.length).toBeLessThan(6e6);
});

test("a log is shown as it is, and where there is none it is said why", () => {
  const data = describedReport(100, lifelikeRuns(100, 10));
  expect(renderReport(data).includes("second line")).toBe(true);
  const without = { ...data, log: { lines: [], before: 0, missing: "for <some> reason" } };
  expect(renderReport(without).includes("for &lt;some&gt; reason")).toBe(true);
});
