import { FATE_COUNT, type Payload } from "./payload.js";

/**
 * An address in the form that people use: without marks between digits (0x1_8000_0000), which crash would not
 * understand.
 */
export function address(pfn: number, pageSize: number): string {
  return `0x${(BigInt(pfn) * BigInt(pageSize)).toString(16)}`;
}

/** 1,234,567 */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A state's share of the cells of some memory. */
export interface Part {
  readonly state: number;
  readonly share: number;
}

/** The states of `counts`, largest first. */
export function shareOfStates(counts: Uint32Array, total: number): Part[] {
  const parts: Part[] = [];
  for (let state = 0; state < counts.length; state++) {
    const cells = counts[state] as number;
    if (cells > 0) parts.push({ state, share: cells / total });
  }
  return parts.sort((a, b) => b.share - a.share);
}

/** "slab, kept", or preceded by its share. */
export function partText(payload: Payload, { state, share }: Part, alone: boolean): string {
  const kind = payload.kinds[Math.floor(state / FATE_COUNT)] ?? "";
  const fate = payload.fates[state % FATE_COUNT] ?? "";
  const percent = 100 * share;
  const text = percent < 0.1 ? "below 0.1" : percent < 10 ? percent.toFixed(1) : percent.toFixed(0);
  return alone ? `${kind}: ${fate}` : `${text} % ${kind}: ${fate}`;
}

/** The node and zone of a page. */
export function placesText({ places }: Payload, pfn: number): string {
  const here = places.filter(({ start, end }) => start <= pfn && pfn < end);
  const names = [...here.filter(({ type }) => type === "node"), ...here.filter(({ type }) => type === "zone")];
  // Nodes may overlap, and so may their zones: then the kernel's ranges do not determine them.
  const text = [...new Set(names.map(({ type, name }) => (type === "zone" ? `zone ${name}` : name)))].join(", ");
  return text === "" ? "" : text;
}

/**
 * The page that a text means: an address (0x…, or with a unit: 3.5G), or a page number (pfn 1234). `undefined` for
 * other text.
 */
export function pageOfText(text: string, pageSize: number): number | undefined {
  const plain = text.trim().replaceAll("_", "").toLowerCase();
  const [, digits] = /^pfn\s*(0x[0-9a-f]+|\d+)$/.exec(plain) ?? [];
  if (digits !== undefined) return Number(digits);
  if (/^0x[0-9a-f]{1,13}$/.test(plain)) return Math.floor(Number(plain) / pageSize);
  const [, value, unit] = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/.exec(plain) ?? [];
  if (value === undefined) return undefined;
  const bytes = Number(value) * 1024 ** " kmgtp".indexOf(unit || " ");
  return Number.isSafeInteger(Math.floor(bytes)) ? Math.floor(bytes / pageSize) : undefined;
}
