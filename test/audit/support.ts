/** Auditing files in tests, and searching dumps without the program's own reader. */
import { auditDump } from "../../src/audit/audit-dump.js";
import type { AuditResult, PagePlace, SecretPlace } from "../../src/audit/audit-result.js";
import { parseSecrets, type Secret } from "../../src/audit/secrets.js";
import { openDump } from "../../src/reader/open.js";
import { bitmapPfns } from "../support/golden.js";
import { openElf } from "../support/other-elf.js";
import { openKdump } from "../support/other-kdump.js";

/** Every text that was written on purpose before the dumps were made. */
export const CANARIES = [
  ...["anon", "huge", "thp_", "lock", "ksm_"].map((kind) => `USERCANARY-${kind}`),
  ...["tmpf", "ext4", "extw", "shm_"].map((kind) => `CACHECANARY-${kind}`),
  ...["FREECANARY-page", "KERNCANARY-pipe"],
];

export const secretsOf = (texts: readonly string[]): Secret[] => parseSecrets(Buffer.from(texts.join("\n")), "secrets");

/** Audits a file for texts; line 1 is the first of them. */
export async function auditFile(
  path: string,
  texts: readonly string[] = [],
  options: { readonly original?: string } = {},
): Promise<AuditResult> {
  const dump = openDump(path);
  const original = options.original === undefined ? undefined : openDump(options.original);
  try {
    return await auditDump(dump, {
      secrets: texts.length === 0 ? [] : secretsOf(texts),
      mostPlaces: Number.POSITIVE_INFINITY,
      ...(original === undefined ? {} : { original }),
    });
  } finally {
    original?.close();
    dump.close();
  }
}

/** The pages in which each text begins, and how often, as an audit lists them. */
export function pagesByText(result: AuditResult, texts: readonly string[]): Record<string, [number, number][]> {
  const found: Record<string, [number, number][]> = {};
  for (const place of result.places.filter(isInPage)) {
    const text = texts[place.line - 1] as string;
    found[text] = [...(found[text] ?? []), [place.pfn, place.count]];
  }
  return found;
}

export function isInPage(place: SecretPlace): place is SecretPlace & PagePlace {
  return place.where === "page";
}

/** The same by a reader that is not the program's own, page by page, with those that begin in one and end in the next. */
export function searchElf(path: string, pageSize: number, texts: readonly string[]) {
  const elf = openElf(path);
  try {
    return search([...elf.pfns(pageSize)], (pfn) => elf.page(pfn, pageSize), texts);
  } finally {
    elf.close();
  }
}

export function searchKdump(path: string, texts: readonly string[]) {
  const kdump = openKdump(path);
  try {
    let index = 0;
    const pages = new Map<number, Buffer>();
    for (const pfn of bitmapPfns(kdump.bitmap2)) pages.set(pfn, kdump.content(kdump.descriptor(index++)));
    return search([...pages.keys()], (pfn) => pages.get(pfn), texts);
  } finally {
    kdump.close();
  }
}

function search(pfns: readonly number[], pageOf: (pfn: number) => Buffer | undefined, texts: readonly string[]) {
  const found: Record<string, [number, number][]> = {};
  const longest = Math.max(...texts.map((text) => text.length));
  const starts = [...new Set(texts.map((text) => text.slice(0, 6)))];
  let last: { pfn: number; page: Buffer | undefined } | undefined;
  for (const pfn of pfns) {
    const page = last?.pfn === pfn ? last.page : pageOf(pfn);
    if (page === undefined) continue;
    last = { pfn: pfn + 1, page: pageOf(pfn + 1) };
    const bytes = Buffer.concat([page, (last.page ?? Buffer.alloc(0)).subarray(0, longest - 1)]);
    if (!starts.some((start) => bytes.includes(start))) continue;
    for (const text of texts) {
      let count = 0;
      for (let at = bytes.indexOf(text); at !== -1 && at < page.length; at = bytes.indexOf(text, at + 1)) count++;
      if (count > 0) found[text] = [...(found[text] ?? []), [pfn, count]];
    }
  }
  return found;
}
