import { DumpError } from "../../errors.js";
import type { AddressSpace } from "../../kernel/address-space.js";
import { attachSpace, type KernelView } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { OPTION } from "../../option-words.js";
import type { Dump } from "../../reader/dump.js";
import type { Warnings } from "../../warnings.js";
import { MACHINE_ADDRESS } from "../text/text-classes.js";
import { cType } from "./c-type.js";
import { elementsOf } from "./elements.js";
import { type Condition, type EraseRule, isTextTarget, type Target } from "./erase-rule.js";
import type { SearchedAddress } from "./erase-texts.js";
import { machineAddresses } from "./machine-addresses.js";
import { SlabFinder, type SlabObjects } from "./slab-objects.js";
import { ERASED, type EraseSpans, MAX_SPANS, SpanList } from "./spans.js";
import { cannotErase, isText, type Misses, noMisses, type Value, ValueFinder } from "./values.js";

/** The result of resolving one rule. */
export interface ErasedByRule {
  readonly rule: EraseRule;
  /** Objects, variables or ranges. */
  readonly objects: number;
  /** Pieces of physical memory. */
  readonly spans: EraseSpans;
  /** Its lines in eraseinfo. */
  readonly record: readonly string[];
  /** Texts that it found, to be searched for in all kept pages. */
  readonly texts?: readonly (string | Uint8Array)[];
}

/** What a run overwrites. */
export interface ErasePlan {
  readonly rules: readonly ErasedByRule[];
  /** The spans for the threads; none of them is empty. */
  readonly spans: readonly EraseSpans[];
  /** The machine's addresses that rules request, with the indexes of the rules. */
  readonly addresses: readonly SearchedAddress[];
}

/** The most bytes that a rule erases at one place because of a number in the dump: a larger number counts as damage. */
const MAX_READ_SIZE = 16 << 20;
/** The most pages that are looked up in page tables for all rules together, including unmapped ones. */
const MAX_PIECES = 1 << 24;
/** The most different sizes for which a rule has lines in eraseinfo. */
const MAX_SIZES = 256;

/**
 * Finds what the rules of a file erase in this dump. Throws `CANNOT_ERASE` with file and line for a rule that finds
 * nothing and is not optional, because a misspelt name must not leave data in the output. Data that the dump does not
 * have are counted in warnings.
 */
export function erasePlan(
  file: string,
  rules: readonly EraseRule[],
  dump: Dump,
  view: KernelView,
  kernel: KernelObjects | undefined,
  warnings: Warnings,
): ErasePlan {
  const wanted = rules.flatMap(({ target }) => cacheOf(target) ?? []);
  const slabs = kernel && new SlabFinder(dump, view, kernel, wanted);
  const run = new Resolver(dump, attachSpace(view.space, dump.memory), kernel, slabs);
  const done = rules.map((rule) => resolveRule(file, rule, run, warnings));
  const addresses = done.flatMap(({ texts = [] }, rule) => texts.map((text) => ({ rule, text })));
  const fills = [ERASED, 0].map((fill) => {
    const list = new SpanList();
    for (const { spans } of done) if (spans.fill === fill) list.addAll(spans);
    return list.merged(fill);
  });
  return { rules: done, spans: fills.filter(({ start }) => start.length > 0), addresses };
}

function cacheOf(target: Target): string | undefined {
  if (target.kind === "slab") return target.cache;
  return target.kind === "place" && target.loop?.kind === "slab" ? target.loop.cache : undefined;
}

function resolveRule(file: string, rule: EraseRule, run: Resolver, warnings: Warnings): ErasedByRule {
  const where = `${file}:${rule.line}`;
  const misses = noMisses();
  try {
    const found = run.resolve(rule, misses);
    if (found.spans.start.length === 0 && !isTextTarget(rule.target)) throw nothing(misses);
    warn(where, misses, warnings);
    return found;
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_ERASE") throw error;
    if (!rule.optional) throw located(error, where, rule);
    return { rule, objects: 0, spans: new SpanList().merged(ERASED), record: [] };
  }
}

function nothing({ nulls, unreachable, broken }: Misses): DumpError {
  const why = [
    nulls > 0 ? `${nulls} pointers are 0` : "",
    unreachable > 0 ? `${unreachable} lead to something that is not in the dump` : "",
    broken > 0 ? `${broken} lists are broken` : "",
  ].filter((text) => text !== "");
  const found = why.length === 0 ? "there is no such element" : why.join(", ");
  return cannotErase(`nothing to erase: ${found}`, "A ? before a rule lets it lead to nothing");
}

function located(error: DumpError, where: string, { text }: EraseRule): DumpError {
  return error.with({ file: where, what: `${JSON.stringify(text)}: ${error.what}` });
}

function warn(where: string, { unreachable, broken }: Misses, warnings: Warnings): void {
  const what = "of a rule could not be followed: the data after them was not erased";
  if (unreachable > 0) warnings.add("ERASE_UNREACHABLE", `${where}: pointers, sizes or pages ${what}`, unreachable);
  if (broken > 0) warnings.add("ERASE_UNREACHABLE", `${where}: lists ${what}`, broken);
}

/** What is collected while one rule is resolved. */
interface Collected {
  readonly list: SpanList;
  readonly sizes: Set<number>;
  readonly misses: Misses;
  objects: number;
}

class Resolver {
  #pieces = 0;

  constructor(
    private readonly dump: Dump,
    private readonly space: AddressSpace,
    private readonly kernel: KernelObjects | undefined,
    private readonly slabs: SlabFinder | undefined,
  ) {}

  resolve(rule: EraseRule, misses: Misses): ErasedByRule {
    const { target, name } = rule;
    const into: Collected = { list: new SpanList(), sizes: new Set(), misses, objects: 0 };
    if (isTextTarget(target)) return this.#addresses(rule, into);
    if (target.kind === "physical") {
      this.#erase(into, target.start, target.length);
    } else if (target.kind === "slab") {
      const slab = this.#slab(target.cache);
      for (const { paddr } of slab.each()) this.#erase(into, paddr, slab.size);
    } else this.#places(target, into);
    const nullify = target.kind === "place" && target.nullify;
    const spans = into.list.merged(nullify ? 0 : ERASED);
    const sizes = [...into.sizes].sort((a, b) => a - b);
    const recorded = sizes.length > MAX_SIZES ? sizes.slice(-1) : sizes;
    const record = nullify ? [`erase ${name} nullify`] : recorded.map((size) => `erase ${name} size ${size}`);
    return { rule, objects: into.objects, spans, record: into.objects === 0 ? [] : record };
  }

  /** Texts are searched for later; the machine's addresses are found now. */
  #addresses(rule: EraseRule, into: Collected): ErasedByRule {
    const asked = rule.target.kind === "class" && rule.target.name === MACHINE_ADDRESS;
    const found = asked ? machineAddresses(this.#needed()) : [];
    for (const { places } of found) {
      for (const { address, size } of places) this.#eraseAt(into, address, size);
    }
    const bytes = new Map(found.flatMap((one) => (one.bytes === undefined ? [] : [[one.texts[0], one.bytes]])));
    const texts = [...new Set(found.flatMap((one) => one.texts)), ...bytes.values()];
    return { rule, objects: into.objects, spans: into.list.merged(ERASED), record: [], texts };
  }

  #needed(): KernelObjects {
    if (this.kernel !== undefined) return this.kernel;
    throw cannotErase(
      "the dump's memory has no symbols and types (kallsyms, BTF)",
      `Give the kernel's vmlinux with ${OPTION.vmlinux}; texts, patterns, classes and physical ranges need none`,
    );
  }

  #slab(cache: string): SlabObjects {
    this.#needed();
    return (this.slabs as SlabFinder).objectsOf(cache);
  }

  #places(target: Target & { kind: "place" }, into: Collected): void {
    const kernel = this.#needed();
    const finder = new ValueFinder(kernel, this.dump.memory, into.misses);
    if (target.loop === undefined) {
      for (const value of finder.find(target.place, undefined)) this.#value(value, undefined, target, finder, into);
      return;
    }
    for (const element of elementsOf(target.loop, finder, kernel, (cache) => this.#slab(cache))) {
      if (target.where !== undefined && !this.#holds(target.where, element, finder)) continue;
      for (const value of finder.find(target.place, element)) this.#value(value, element, target, finder, into);
    }
  }

  #holds({ place, value: wanted }: Condition, element: Value, finder: ValueFinder): boolean {
    for (const value of finder.find(place, element)) {
      if ("text" in wanted) return this.#text(value, finder) === wanted.text;
      const number = "number" in wanted ? wanted.number : this.#needed().symbols.address(wanted.symbol);
      if (number === undefined && "symbol" in wanted) {
        throw cannotErase(`the kernel has no symbol ${wanted.symbol}`, "Check its name");
      }
      return finder.integer(value, value.size ?? 0) === number;
    }
    return false;
  }

  #text(value: Value, finder: ValueFinder): string | undefined {
    const text = value.type !== undefined && isText(value.type) ? finder.follow(value) : value;
    const length = text && finder.textLength(text, value.count ?? 256);
    const bytes = text && length !== undefined ? finder.bytes(text, length) : undefined;
    return bytes && Buffer.from(bytes).toString("latin1");
  }

  /** Erases a value, or the data to which it points. */
  #value(
    value: Value,
    element: Value | undefined,
    target: Target & { kind: "place" },
    finder: ValueFinder,
    into: Collected,
  ): void {
    const { nullify, maxText } = target;
    const { wordSize } = this.dump.machine;
    if (value.isBitField) throw cannotErase(`${target.place.text} is a bit field`, "Erase the struct that it is in");
    const pointee = value.type === undefined ? undefined : cType(value.type).target;
    if (nullify) {
      if (value.type !== undefined && pointee === undefined) {
        throw cannotErase(
          `${target.place.text} is ${value.type}, not a pointer: it cannot be nullified`,
          "Leave out nullify",
        );
      }
      this.#eraseValue(into, value, wordSize);
      return;
    }
    const asked = this.#size(target, element, finder);
    if (asked === "unknown") return;
    const data = pointee === undefined ? value : finder.follow(value);
    if (data === undefined) return;
    const text = value.type !== undefined && isText(value.type);
    const size = asked ?? (text ? finder.textLength(data, maxText) : data.size);
    if (text && asked === undefined && size === undefined) into.misses.unreachable++;
    else if (size === undefined || (size === 0 && !text)) {
      throw cannotErase(
        `the rule must say how large ${target.place.text} is (${value.type ?? "of unknown type"})`,
        "Add size N; or its type: {TYPE}; or nullify a pointer",
      );
    } else if (size > 0) this.#eraseValue(into, data, size);
  }

  /**
   * The size that the rule gives; "unknown", which is counted, if the size is read from the dump and makes no sense.
   */
  #size(
    { size }: Target & { kind: "place" },
    element: Value | undefined,
    finder: ValueFinder,
  ): number | undefined | "unknown" {
    if (size === undefined || typeof size === "number") return size;
    for (const value of finder.find(size, element)) {
      const number = finder.integer(value, value.size ?? 0);
      if (number === 0n) return "unknown";
      if (number !== undefined && number <= BigInt(MAX_READ_SIZE)) return Number(number);
      break;
    }
    finder.misses.unreachable++;
    return "unknown";
  }

  /** Works page by page, because what is contiguous in virtual memory need not be contiguous in physical memory. */
  #eraseValue(into: Collected, { physical, address }: Value, size: number): void {
    if (physical) {
      this.#erase(into, Number(address), size);
      return;
    }
    this.#eraseAt(into, address, size);
  }

  #eraseAt(into: Collected, address: bigint, size: number): void {
    const { pageSize } = this.dump;
    let found = false;
    for (let done = 0; done < size; ) {
      const at = address + BigInt(done);
      const place = this.space.translate(at);
      const length = Math.min(place?.length ?? pageSize - Number(at % BigInt(pageSize)), size - done);
      this.#limit(into);
      if (place === undefined) into.misses.unreachable++;
      else {
        into.list.add(place.paddr, length);
        found = true;
      }
      done += length;
    }
    if (!found) return;
    into.objects++;
    if (into.sizes.size <= MAX_SIZES) into.sizes.add(size);
  }

  #erase(into: Collected, start: number, length: number): void {
    this.#limit(into);
    into.list.add(start, length);
    into.objects++;
    if (into.sizes.size <= MAX_SIZES) into.sizes.add(length);
  }

  #limit({ list }: Collected): void {
    if (++this.#pieces <= MAX_PIECES && list.count <= MAX_SPANS) return;
    throw new DumpError("LIMIT", `erase rules lead to more than ${MAX_SPANS} pieces of memory`, {
      file: this.dump.paths[0] ?? "",
      cure: "Erase less with one rule, or a physical range",
    });
  }
}
