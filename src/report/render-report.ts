import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { formatBytes } from "../byte-size.js";
import { PAGE_KINDS } from "../kernel/page/page-kinds.js";
import { programFile } from "../program-files.js";
import { readableTime } from "../readable-time.js";
import { type Html, html, jsonForScript, rawElement } from "./html.js";
import type { Payload } from "./page/payload.js";
import { count } from "./page/words.js";
import { GROUP_OF_KIND, KIND_GROUPS, KIND_LABELS } from "./page-states.js";
import type { ReportData } from "./report-data.js";
import { crashSection, kernelSection, logSection, stagesSection, warningsSection } from "./sections.js";
import { classesSection, kindsSection } from "./tables.js";

/**
 * The report as one HTML page that needs no network and no other file. Its content security policy allows only its own
 * script and style, by their digests.
 */
export function renderReport(data: ReportData): string {
  const [script = "", style = ""] = ["report/page.js", "report/page.css"].map((path) =>
    Buffer.from(programFile(path, import.meta.url)).toString("utf8"),
  );
  const policy = `default-src 'none'; script-src '${digest(script)}'; style-src '${digest(style)}'; base-uri 'none'; form-action 'none'`;
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${data.files[0] ?? "dump"}: coresieve report</title>
${rawElement("style", style)}
</head>
<body>
<a class="skip" href="#kinds">Skip the picture</a>
<header>
<h1>${data.files.join(", ")}</h1>
${headline(data)}
</header>
<main>
${crashSection(data)}
${warningsSection(data)}
${mapSection(data)}
${kindsSection(data)}
${classesSection(data)}
${stagesSection(data)}
${kernelSection(data)}
${logSection(data)}
</main>
<footer>Made by coresieve ${data.version} on ${data.made.toISOString()}. This page has all that it shows in itself, and asks no network.</footer>
<script type="application/json" id="payload">${jsonForScript(payloadOf(data))}</script>
<script type="text/plain" id="cells">${deflateSync(data.map.cells, { level: 6 }).toString("base64")}</script>
${rawElement("script", script)}
</body>
</html>
`;
  return page.html;
}

function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function headline({ run, machine, inputBytes, map, pageSize, kinds }: ReportData): Html {
  const kernel = machine.release === undefined ? "kernel not known" : `Linux ${machine.release}`;
  const crash = machine.crashTime === undefined ? "" : `, crashed ${readableTime(machine.crashTime)}`;
  const pages = kinds.reduce((sum, row) => sum + row.pages, 0);
  const facts = html`<p>${kernel} on ${machine.arch}${crash}. ${formatBytes(pages * pageSize)} of memory in a file of ${formatBytes(inputBytes)}.</p>`;
  if (run === undefined || map.cells.length === 0) return facts;
  const share = inputBytes === 0 ? 0 : (100 * run.outputBytes) / inputBytes;
  return html`<p class="big"><b>${formatBytes(inputBytes)}</b> became <b>${formatBytes(run.outputBytes)}</b> (${share.toFixed(share < 10 ? 1 : 0)} %): ${run.output}</p>
${facts}`;
}

/** The data for the page's script. */
export function payloadOf({ map, places, pageSize, run }: ReportData): Payload {
  return {
    pageSize,
    unit: map.unit,
    segments: map.segments.map(({ startPfn, cells }) => [startPfn, cells] as const),
    kinds: PAGE_KINDS.map((kind) => KIND_LABELS[kind]),
    groupOf: GROUP_OF_KIND,
    groups: KIND_GROUPS.map(({ id, label }) => ({ id, label })),
    fates: fateLabels(run !== undefined),
    places: places.map(({ type, name, startPfn, endPfn }) => ({ type, name, start: startPfn, end: endPfn })),
  };
}

function fateLabels(ran: boolean): readonly string[] {
  return ran
    ? ["not in the input", "kept", "kept, all zeros", "dropped"]
    : ["not in the dump", "level 31 keeps it", "kept, all zeros", "level 31 drops it"];
}

function mapSection(data: ReportData): Html {
  const { map, pageSize, places, run } = data;
  const present = KIND_GROUPS.map((group, i) => ({ group, i })).filter(({ group }) =>
    data.kinds.some(({ kind }) => group.kinds.includes(kind)),
  );
  const cell =
    map.unit === 1
      ? "Zoom in down to single pages."
      : `This machine is too large for a picture of every page: ${map.unit} pages (${formatBytes(map.unit * pageSize)}) share a cell, each 16 cells (${formatBytes(16 * map.unit * pageSize)}) have the right shares of kinds, but not their order within.`;
  const marked = places.some(({ type }) => type === "zone")
    ? "Nodes and zones are marked on the right."
    : places.length > 0
      ? "Nodes are marked on the right; zones are not, for the kernel's types (BTF) are not in the dump."
      : "";
  const fates = fateLabels(run !== undefined);
  const shownFates = [1, 2, 3, 0].filter((fate) => fate !== 2 || run !== undefined);
  const legend = present.map(
    ({ group, i }) =>
      html`<li><label><input type="checkbox" data-toggle="${i}" checked><canvas class="swatch k-${group.id}" data-group="${i}" width="28" height="16" aria-hidden="true"></canvas>${group.label}</label></li>`,
  );
  const fateLegend = shownFates.map(
    (fate) =>
      html`<li><canvas class="swatch fate-${fate}" data-group="1" data-fate="${fate}" width="28" height="16" aria-hidden="true"></canvas>${fates[fate] ?? ""}</li>`,
  );
  return html`<section aria-labelledby="map-title">
<h2 id="map-title">Physical memory</h2>
<p id="map-help">Rows of memory in the order of their addresses. In each column what was kept lies at the bottom in full colour, what was dropped above it and paler. ${cell} ${marked}</p>
<noscript><p>The picture needs JavaScript; the tables below do not.</p></noscript>
<p id="no-map" hidden role="alert"></p>
<div id="map" hidden>
<div class="bar">
<div class="buttons" role="group" aria-label="Zoom"><button type="button" id="zoom-in" title="Closer (+)">+<span class="hidden"> Closer</span></button><button type="button" id="zoom-out" title="Farther (-)">&#8722;<span class="hidden"> Farther</span></button><button type="button" id="zoom-all" title="All of memory (0)">All</button></div>
<form id="go"><label for="place">Go to</label> <input id="place" size="22" placeholder="0x1f000, 3.5G, pfn 31" autocomplete="off" spellcheck="false"><button>Go</button></form>
<fieldset><legend class="hidden">Colours show</legend><label><input type="radio" name="colour" value="kind" checked>kinds</label><label><input type="radio" name="colour" value="fate">${run === undefined ? "what level 31 would keep" : "kept or dropped"}</label></fieldset>
<output id="scale"></output>
</div>
<div class="frame">
<div id="scroller" tabindex="-1"><canvas id="canvas" tabindex="0" role="application" aria-roledescription="map" aria-label="Map of physical memory" aria-describedby="map-help map-keys"></canvas><div id="spacer"></div></div>
<div id="tip" hidden></div>
</div>
<div id="live" class="hidden" role="status" aria-live="polite"></div>
<ul class="legend" id="legend-kinds" aria-label="Kinds">${legend}</ul>
<ul class="legend" id="legend-fates" aria-label="What became of pages">${fateLegend}</ul>
<p id="map-keys" class="small">Keys on the map: arrows move, + and &#8722; zoom, 0 shows all, Page Up, Page Down, Home, End. Mouse: click, then the wheel zooms; drag to move; double-click to look closer. ${count(map.cells.length)} cells.</p>
</div>
</section>`;
}
