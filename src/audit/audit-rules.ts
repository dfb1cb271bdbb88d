import { DumpError } from "../errors.js";
import { MAX_ERASE_RULES } from "../filter/erase/erase-rule.js";
import { ERASED, SpanList } from "../filter/erase/spans.js";
import { OPTION } from "../option-words.js";
import type { FilePlace } from "./search-file.js";
import type { Secret } from "./secrets.js";

/** The most rules for places; a file also has one rule for each secret at most. */
const MOST_PLACES = MAX_ERASE_RULES - 20_000;
/** The most places before they are joined: 64 MiB. */
const MOST_SPANS = 1 << 22;

/** Collects erase rules for everything that an audit finds. */
export class AuditRules {
  readonly #places = new SpanList();
  readonly #pages = new SpanList();
  /** Indexes of secrets that occur outside of pages. */
  readonly #outside = new Set<number>();
  #tooMany = false;

  constructor(
    private readonly secrets: readonly Secret[],
    private readonly pageSize: number,
  ) {}

  /** Records that a secret begins in a page. */
  inPage(secret: number, pfn: number, offset: number): void {
    if (this.#places.count >= MOST_SPANS) this.#tooMany = true;
    else this.#places.add(pfn * this.pageSize + offset, (this.secrets[secret] as Secret).bytes.length);
  }

  /** Records that a page is a finding as a whole. */
  page(pfn: number): void {
    if (this.#pages.count >= MOST_SPANS) throw this.#many();
    this.#pages.add(pfn * this.pageSize, this.pageSize);
  }

  outside(secret: number, { where }: FilePlace): void {
    // Other parts of the file do not become part of an output.
    if (where === "notes" || where === "eraseinfo" || where === "file") this.#outside.add(secret);
  }

  /** The text of the rules; `undefined` if nothing was found. Throws `LIMIT`. */
  text(dump: string): string | undefined {
    const [places, pages] = [this.#places.merged(ERASED), this.#pages.merged(ERASED)];
    if (pages.start.length > MOST_PLACES) throw this.#many();
    const lines = [`# What \`coresieve audit\` found in ${dump}`];
    const ranges = ({ start, end }: typeof places) =>
      [...start].map((at, i) => `physical 0x${at.toString(16)}-0x${(end[i] as number).toString(16)}`);
    if (pages.start.length > 0) lines.push("# Pages of users' data, and pages of unknown kind", ...ranges(pages));
    // If there are too many places for rules, the secrets themselves become one rule each.
    const byText = this.#tooMany || pages.start.length + places.start.length > MOST_PLACES;
    if (byText) for (let i = 0; i < this.secrets.length; i++) this.#outside.add(i);
    else if (places.start.length > 0) lines.push("# Secrets in pages", ...ranges(places));
    if (this.#outside.size > 0) {
      lines.push("# Secrets, as they are: keep this file to yourself");
      for (const index of [...this.#outside].sort((a, b) => a - b)) {
        const { line, bytes } = this.secrets[index] as Secret;
        lines.push(`bytes ${Buffer.from(bytes).toString("hex")} # line ${line}`);
      }
    }
    return lines.length === 1 ? undefined : `${lines.join("\n")}\n`;
  }

  #many(): DumpError {
    return new DumpError("LIMIT", `its pages with user data are in more than ${MOST_PLACES} places`, {
      cure: `Filter the dump first: ${OPTION.level31} or ${OPTION.privacy} drops such pages, rules are for what they leave`,
    });
  }
}
