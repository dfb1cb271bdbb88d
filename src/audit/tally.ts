import { PAGE_KINDS, type PageKind } from "../kernel/page/page-kinds.js";
import type { PagePlace, SecretCount, SecretPlace } from "./audit-result.js";
import type { FilePlace } from "./search-file.js";
import type { Secret } from "./secrets.js";

/** Counts findings, and keeps the first places. */
export class Tally {
  readonly #found: Float64Array;
  /** Number of pages per kind, for one secret after the other. */
  readonly #pages: Float64Array;
  readonly #outside: Float64Array;
  /** The page in which each secret was found last, and that place in the list. */
  readonly #lastPfn: Float64Array;
  readonly #lastPlace: (Writable<PagePlace> | undefined)[] = [];
  readonly places: SecretPlace[] = [];
  placesLeftOut = 0;
  total = 0;

  constructor(
    private readonly secrets: readonly Secret[],
    private readonly most: number,
  ) {
    this.#found = new Float64Array(secrets.length);
    this.#pages = new Float64Array(secrets.length * PAGE_KINDS.length);
    this.#outside = new Float64Array(secrets.length);
    this.#lastPfn = new Float64Array(secrets.length).fill(-1);
  }

  inPage(secret: number, pfn: number, offset: number, kind: number, pageSize: number): void {
    this.#count(this.#found, secret);
    const { line, bytes } = this.secrets[secret] as Secret;
    const crossesPages = offset + bytes.length > pageSize;
    if (this.#lastPfn[secret] === pfn) {
      const known = this.#lastPlace[secret];
      if (known !== undefined) {
        known.count++;
        known.crossesPages ||= crossesPages;
      }
      return;
    }
    this.#lastPfn[secret] = pfn;
    const pages = secret * PAGE_KINDS.length + kind;
    this.#pages[pages] = (this.#pages[pages] as number) + 1;
    const place: Writable<PagePlace> & { line: number } = {
      ...{ line, where: "page", pfn, offset, count: 1, crossesPages },
      kind: PAGE_KINDS[kind] as PageKind,
    };
    this.#lastPlace[secret] = this.#list(place) ? place : undefined;
  }

  outside(secret: number, place: FilePlace): void {
    this.#count(this.#found, secret);
    this.#outside[secret] = (this.#outside[secret] as number) + 1;
    this.#list({ line: (this.secrets[secret] as Secret).line, ...place });
  }

  get counts(): SecretCount[] {
    return this.secrets.map(({ line, bytes }, i) => {
      const pages = [...this.#pages.subarray(i * PAGE_KINDS.length, (i + 1) * PAGE_KINDS.length)];
      const kinds = PAGE_KINDS.map((kind, k) => [kind, pages[k] as number] as const).filter(([, count]) => count > 0);
      return {
        line,
        length: bytes.length,
        found: this.#found[i] as number,
        pages: pages.reduce((sum, count) => sum + count, 0),
        kinds: Object.fromEntries(kinds),
        outsidePages: this.#outside[i] as number,
      };
    });
  }

  #count(counts: Float64Array, secret: number): void {
    counts[secret] = (counts[secret] as number) + 1;
    this.total++;
  }

  #list(place: SecretPlace): boolean {
    if (this.places.length < this.most) {
      this.places.push(place);
      return true;
    }
    this.placesLeftOut++;
    return false;
  }
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };
