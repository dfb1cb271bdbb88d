import type { AuditResult, KindCount, SecretCount, SecretPlace } from "../audit/audit-result.js";
import { describeOwner } from "../audit/page-owner.js";
import { formatBytes } from "../byte-size.js";
import { formatCount } from "../readable-count.js";

/** The most rows that are shown to people; JSON has all of them. */
const MAX_ROWS = 24;
const MAX_PLACES = 16;

/** An audit for people, as lines. */
export function describeAudit(result: AuditResult): string[] {
  const lines = [
    `Dump     ${result.files.join(", ")}: ${result.description}`,
    `Kernel   ${result.kernelRelease === undefined ? "not known" : `Linux ${result.kernelRelease}`}`,
    `Pages    ${formatCount(result.pages)}, ${result.pageSize / 1024} KiB each; kinds by ${SOURCES[result.classifiedBy]}`,
    ...kindRows(result.kinds),
  ];
  if (result.damagedPages > 0) lines.push(`Damaged  ${formatCount(result.damagedPages)} pages cannot be read`);
  if (result.secrets !== undefined) lines.push(...secretRows(result, result.secrets));
  lines.push(...verdict(result));
  for (const { message, code, count } of result.warnings) {
    lines.push(`Warning: ${message}${count > 1 ? ` (${count})` : ""} [${code}]`);
  }
  return lines;
}

const SOURCES: Readonly<Record<AuditResult["classifiedBy"], string>> = {
  dump: "its own struct pages",
  original: "the original's struct pages",
  "dump and original": "its own struct pages and the original's",
  nothing: "nothing: no struct pages were found",
};

function kindRows(kinds: readonly KindCount[]): string[] {
  const marks: Readonly<Record<KindCount["verdict"], string>> = {
    kernel: "",
    "user data": "user data",
    unknown: "unknown",
  };
  const rows = kinds.map(({ kind, pages, zeroPages, verdict: of }) =>
    `  ${kind.padEnd(18)}${formatCount(pages).padStart(14)}${formatCount(zeroPages).padStart(14)}  ${marks[of]}`.trimEnd(),
  );
  return [`  ${"kind".padEnd(18)}${"pages".padStart(14)}${"of them zero".padStart(14)}`, ...rows];
}

function secretRows(
  { places, placesLeftOut, memoryBytes, outsideBytes }: AuditResult,
  secrets: readonly SecretCount[],
) {
  const found = secrets.filter((secret) => secret.found > 0);
  const lines = [
    `Secrets  ${formatCount(found.length)} of ${formatCount(secrets.length)} found, in ${formatBytes(memoryBytes)} of memory and ${formatBytes(outsideBytes)} of the file outside`,
  ];
  for (const { line, length, found: times, pages, kinds, outsidePages } of found.slice(0, MAX_ROWS)) {
    const outside = outsidePages === 0 ? "" : `, ${formatCount(outsidePages)} outside of pages`;
    const byKind = Object.entries(kinds).map(([kind, count]) => `${formatCount(count)} ${kind}`);
    const where = pages === 0 ? "" : ` (${byKind.join(", ")})`;
    lines.push(
      `  line ${line} (${length} bytes): ${formatCount(times)} times, ${formatCount(pages)} pages${where}${outside}`,
    );
  }
  if (found.length > MAX_ROWS) lines.push(`  and ${formatCount(found.length - MAX_ROWS)} more (--json)`);
  const examples = examplesOf(places);
  for (const { place, alike } of examples.slice(0, MAX_PLACES)) {
    lines.push(`  ${describePlace(place)}${alike === 0 ? "" : `, and ${formatCount(alike)} like it`}`);
  }
  const shown = examples.slice(0, MAX_PLACES).reduce((sum, { alike }) => sum + 1 + alike, 0);
  const more = places.length - shown + placesLeftOut;
  if (more > 0) lines.push(`  and ${formatCount(more)} places more (--json)`);
  return lines;
}

/** One example place for each secret, kind of page and owner, ordered by secret, with the number of similar places. */
function examplesOf(
  places: readonly SecretPlace[],
): readonly { readonly place: SecretPlace; readonly alike: number }[] {
  const found = new Map<string, { place: SecretPlace; alike: number }>();
  for (const place of places) {
    const of = place.where === "page" ? `${place.kind} ${JSON.stringify(place.owner)}` : `${place.where} ${place.note}`;
    const key = `${place.line} ${of}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { place, alike: 0 });
    else known.alike++;
  }
  return [...found.values()].sort((a, b) => a.place.line - b.place.line);
}

function describePlace(place: SecretPlace): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  if (place.where === "page") {
    const { pfn, offset, count, crossesPages, kind, mapping, owner } = place;
    const more = count > 1 ? `, ${formatCount(count)} times` : "";
    const beyond = crossesPages ? ", into the next page" : "";
    const whose =
      owner !== undefined ? `, ${describeOwner(owner)}` : mapping === undefined ? "" : `, mapping ${mapping}`;
    return `line ${place.line}: page ${hex(pfn)} at ${hex(offset)}${more}${beyond}: ${kind}${whose}`;
  }
  const note = place.note === undefined ? "" : ` (${place.note})`;
  return `line ${place.line}: ${PLACES[place.where]}${note} of ${place.file} at ${hex(place.offset)}`;
}

const PLACES = {
  notes: "in the notes",
  eraseinfo: "in eraseinfo",
  file: "outside of pages",
  flattened: "between the flattened records",
} as const;

function verdict({ clean, userDataPages, unknownPages, damagedPages, secrets }: AuditResult): string[] {
  if (clean) return ["Result   nothing found"];
  const times = secrets?.reduce((sum, secret) => sum + secret.found, 0) ?? 0;
  const parts = [
    [userDataPages, "pages of users' data"],
    [unknownPages, "pages of unknown kind"],
    [damagedPages, "pages that cannot be read"],
    [times, "places with secrets"],
  ] as const;
  const found = parts.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`);
  return [`Result   found: ${found.join(", ")}`];
}
