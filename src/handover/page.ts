import { createHash } from "node:crypto";
import type { AuditResult } from "../audit/audit-result.js";
import { formatBytes } from "../byte-size.js";
import { keptReasons } from "../filter/privacy/kept-reasons.js";
import type { Manifest } from "../manifest/manifest.js";
import { type Html, html, NOTHING, rawElement } from "../report/html.js";
import { count } from "../report/page/words.js";
import type { FilterResult } from "../run/filter-dump.js";
import type { VerifyResult } from "../verify/verify-dump.js";
import { PAGE_STYLE } from "./page-style.js";
import { GONE, overwrittenWord, STAYING, STAYS } from "./page-words.js";

/** The data for the page for the person who decides. */
export interface PageFacts {
  readonly manifest: Manifest;
  readonly filtered: FilterResult;
  readonly audit: AuditResult;
  readonly verified: VerifyResult;
  /** The further files that are written. */
  readonly beside: readonly {
    readonly kind: "manifest" | "audit";
    readonly name: string;
    readonly sha256: string;
  }[];
  readonly signed: boolean;
  /** Whether erase rules were given. */
  readonly erased: boolean;
  /** Number of texts that were searched for. */
  readonly searched: number;
}

/** The page for the person who decides: HTML without scripts or other files, for screens and A4 paper. */
export function handOverPage(facts: PageFacts): string {
  const { manifest } = facts;
  const digest = createHash("sha256").update(PAGE_STYLE).digest("base64");
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${manifest.output.name}: ready to be handed over</title>
${rawElement("style", PAGE_STYLE)}
</head>
<body>
${headSection(facts)}
${goneSection(facts)}
${overwrittenSection(facts)}
${staysSection(facts)}
${remainsSection(facts)}
${checkedSection(facts)}
${doubtsSection(facts)}
${receiverSection(facts)}
${signSection(facts)}
<footer>Made by coresieve ${manifest.tool.version} at ${manifest.ended}. The figures are those of the manifest and of the audit's result.</footer>
</body>
</html>
`;
  return page.html;
}

const minute = (time: string) => time.replace(/:\d\d\.\d+Z$/, " UTC").replace("T", " ");

function headSection({ manifest, beside, erased, searched }: PageFacts): Html {
  const { input, output, kernel, options } = manifest;
  const texts = searched === 0 ? "" : ` None of the ${count(searched)} texts that were searched for is in it.`;
  const from = input.files.map(({ name, bytes, sha256 }) => {
    return html`<dt>Made from</dt><dd>${name}, ${formatBytes(bytes)}${sum(sha256)}</dd>`;
  });
  const extras = options.privacyExtra.length === 0 ? "" : `, also ${options.privacyExtra.join(" and ")}`;
  const rules = erased ? `, and your own rules (${options.erase ?? "rules"})` : "";
  const records = beside.map(
    ({ kind, name, sha256 }) =>
      html`<dt>${kind === "manifest" ? "Record of the run" : "Result of the audit"}</dt><dd>${name}${sum(sha256)}</dd>`,
  );
  return html`<header>
<h1>A crash dump, ready to be handed over</h1>
<p class="dim">A crash dump is a copy of a machine's memory, mostly of the moment when its Linux kernel stopped. Engineers find the reason in it.</p>
<div class="verdict"><b>All checks passed.</b>
<p>No page of users' memory or files is in this dump, and no page of which nothing is known.${texts} What may still be in it is named below.</p></div>
<dl>
<dt>The dump</dt><dd>${output.name}, ${formatBytes(output.bytes)}${sum(output.sha256)}</dd>
${sealedRow(output.sealed)}
${from}
<dt>Kernel</dt><dd>${kernel.release === null ? "not known" : `Linux ${kernel.release}`}, ${kernel.arch}${kernel.crashTime === null ? "" : `, stopped ${minute(kernel.crashTime)}`}</dd>
<dt>What was asked for</dt><dd>privacy${options.privacyStrict ? ", strict: no text and no content in the pages that stay" : ""}${extras}${rules}</dd>
${records}
</dl>
</header>`;
}

function sealedRow(sealed: Manifest["output"]["sealed"]): Html {
  if (sealed === null) return NOTHING;
  const who = sealed.recipients === 1 ? "one receiver" : `${count(sealed.recipients)} receivers`;
  return html`<dt>Sealed for ${who}</dt><dd>${sealed.name}, ${formatBytes(sealed.bytes)}${sum(sealed.sha256)}</dd>`;
}

function sum(sha256: string | null): Html {
  return sha256 === null ? NOTHING : html`<br><span class="sum">SHA-256 ${sha256}</span>`;
}

function goneSection({ filtered, manifest }: PageFacts): Html {
  const { pageSize } = manifest.kernel;
  const rows = Object.entries(GONE).flatMap(([name, [label, what]]) => {
    const pages = filtered.classes[name as keyof typeof GONE] ?? 0;
    return pages === 0
      ? []
      : [
          html`<tr><th scope="row">${label}<small>${what}</small></th><td class="num">${formatBytes(pages * pageSize)}</td></tr>`,
        ];
  });
  if (filtered.beyondMemMap > 0) {
    rows.push(
      html`<tr><th scope="row">Firmware<small>The machine's own start-up programs.</small></th><td class="num">${formatBytes(filtered.beyondMemMap * pageSize)}</td></tr>`,
    );
  }
  return html`<section><h2>What is gone</h2>
<p>These are nowhere in the file. Of ${formatBytes(manifest.pages.input * pageSize)} of memory ${formatBytes(manifest.pages.kept * pageSize)} stay.</p>
<table><thead><tr><th scope="col">Memory</th><th scope="col" class="num">Size</th></tr></thead><tbody>${rows}</tbody></table></section>`;
}

function overwrittenSection({ filtered }: PageFacts): Html {
  const { privacy, erase } = filtered;
  const items = Object.entries(privacy?.overwritten ?? {}).flatMap(([kind, { objects, bytes }]) =>
    bytes === 0
      ? []
      : [
          html`<li>${overwrittenWord(kind)}: ${formatBytes(bytes)} in ${count(objects)} ${objects === 1 ? "place" : "places"}</li>`,
        ],
  );
  if ((privacy?.clearedNotes ?? 0) > 0) {
    items.push(html`<li>Registers of processors: ${count(privacy?.clearedNotes ?? 0)} notes</li>`);
  }
  if (erase !== undefined) {
    items.push(html`<li>By your own ${count(erase.rules.length)} rules: ${formatBytes(erase.overwritten)}</li>`);
  }
  if (items.length === 0) return NOTHING;
  return html`<section><h2>What was overwritten in memory that stays</h2><ul>${items}</ul></section>`;
}

function staysSection({ filtered, manifest }: PageFacts): Html {
  if (filtered.privacy === undefined) return NOTHING;
  const reasons = keptReasons(filtered.privacy, filtered.classes);
  const size = (pages: number) => `${pages < 0 ? "−" : ""}${formatBytes(Math.abs(pages) * manifest.kernel.pageSize)}`;
  const rows = STAYING.flatMap((name) => {
    const [label, why] = STAYS[name];
    return reasons[name] === 0
      ? []
      : [html`<tr><th scope="row">${label}<small>${why}</small></th><td class="num">${size(reasons[name])}</td></tr>`];
  });
  return html`<section><h2>What stays, and why</h2>
<p>A page stays only if something shows that it is the kernel's own. In doubt it goes.</p>
<table><thead><tr><th scope="col">Memory</th><th scope="col" class="num">Size</th></tr></thead><tbody>${rows}<tr><th scope="row">Together</th><td class="num">${size(filtered.classes.kept)}</td></tr></tbody></table></section>`;
}

function remainsSection({ filtered, searched }: PageFacts): Html {
  const remains = filtered.privacy?.remains ?? [];
  const items = remains.map((text) => html`<li>${text.charAt(0).toUpperCase()}${text.slice(1)}</li>`);
  const list =
    items.length === 0
      ? html`<p>Nothing that the program knows of.</p>`
      : html`<p>The kernel keeps some of what it was given in its own objects. The program does not vouch for these:</p><ul>${items}</ul>`;
  const advice =
    searched === 0
      ? html`<p>No texts were searched for. Names, host names or keys that must not leave can be given to the program (<code>--secrets</code>): it then looks for them in every byte of the file.</p>`
      : html`<p>${count(searched)} texts were searched for in every byte of the file, these places too. None was found.</p>`;
  return html`<section><h2>What may still be in it</h2>${list}${advice}</section>`;
}

function checkedSection({ audit, verified, searched }: PageFacts): Html {
  const { comparison } = verified;
  const kernelPages = audit.kinds.reduce((all, { pages }) => all + pages, 0);
  const items = [
    html`<li>Every page was read and its kind was looked up in the kernel's own lists: ${count(kernelPages)} pages, of users' data 0, of unknown kind 0.</li>`,
    searched === 0
      ? html`<li>No texts were searched for.</li>`
      : html`<li>${count(searched)} texts were searched for in ${formatBytes(audit.memoryBytes)} of memory and ${formatBytes(audit.outsideBytes)} of the file outside: found 0.</li>`,
    html`<li>Every page of the finished file was decoded: ${count(verified.readable)} of ${count(verified.promised)}.</li>`,
    ...(comparison === undefined
      ? []
      : [
          html`<li>Every page was compared with the original: ${count(comparison.same)} are the same, ${count(comparison.erased)} differ by what was overwritten, ${count(comparison.different)} differ otherwise, ${count(comparison.unknown)} are not in the original.</li>`,
          html`<li>${count(comparison.missing)} pages of the original are missing. For each one the reason is known.</li>`,
        ]),
    ...verified.notChecked.map((text) => html`<li>Not checked: ${text}</li>`),
  ];
  return html`<section><h2>What was checked</h2><ul>${items}</ul></section>`;
}

function doubtsSection({ manifest, audit }: PageFacts): Html {
  const all = [...manifest.doubts.warnings, ...audit.warnings];
  if (all.length === 0) return NOTHING;
  const items = all.map(
    ({ message, count: times, code }) =>
      html`<li>${message}${times > 1 ? ` (${count(times)})` : ""} <code>${code}</code></li>`,
  );
  return html`<section><h2>What the program was in doubt about</h2><p>Where it is not sure, memory is left out.</p><ul>${items}</ul></section>`;
}

function receiverSection({ manifest, beside, signed }: PageFacts): Html {
  const of = (kind: "manifest" | "audit") => beside.find((one) => one.kind === kind)?.name;
  const [record, audited] = [of("manifest"), of("audit")];
  if (record === undefined && audited === undefined) return NOTHING;
  const name = manifest.output.name === "stdout" ? "DUMP" : manifest.output.name;
  const options = [
    ...(record === undefined ? [] : [`--manifest ${quoted(record)}`]),
    ...(audited === undefined ? [] : [`--audit ${quoted(audited)}`]),
    ...(signed ? ["--key PUBLIC-KEY"] : []),
  ];
  const says = signed ? "is this one, was signed, and passed its audit" : "is this one, and passed its audit";
  return html`<section><h2>How the receiver checks it</h2><p>This says whether a file ${says}:</p>
<pre>coresieve verify ${quoted(name)} ${options.join(" ")}</pre></section>`;
}

const quoted = (name: string) => (/^[\w.,:/+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

function signSection({ manifest }: PageFacts): Html {
  return html`<section class="last"><h2>Decision</h2>
<p>I have read this page. The file ${manifest.output.name} with the SHA-256 above may be handed over to:</p>
<div class="sign"><div>Receiver</div><div>Date</div><div>Name and signature</div></div></section>`;
}
