import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { cType, unqualified } from "./c-type.js";
import type { Loop, Place } from "./erase-rule.js";
import type { SlabObjects } from "./slab-objects.js";
import { cannotErase, type Value, type ValueFinder } from "./values.js";

/** The most elements of one list: more than the tasks or dentries of any machine for which rules are written. */
const MAX_LIST = 1 << 22;

/** The elements over which a rule loops. */
export function* elementsOf(
  loop: Loop,
  finder: ValueFinder,
  kernel: KernelObjects,
  slabs: (cache: string) => SlabObjects,
): Generator<Value, void> {
  if (loop.kind === "slab") {
    for (const { paddr } of slabs(loop.cache).each()) yield finder.at(loop.type, BigInt(paddr), true);
  } else if (loop.kind === "array") {
    yield* finder.find({ ...loop.place, steps: [...loop.place.steps, { kind: "all" }] }, undefined);
  } else if (loop.kind === "list") yield* list(loop, finder, kernel);
  else {
    for (const first of finder.find(loop.first, undefined)) yield* chain(first, loop, finder);
  }
}

function* list(
  { head: place, type, through }: Loop & { kind: "list" },
  finder: ValueFinder,
  { types, memory }: KernelObjects,
): Generator<Value, void> {
  const path = through ?? lastName(place);
  const member = types.member(type, path);
  if (types.sizeOf(type) === undefined)
    throw cannotErase(`the kernel has no type ${type} in ${types.source}`, "Check its name");
  if (member === undefined || !/\blist_head$/.test(member.type)) {
    throw cannotErase(`${type} has no list_head ${path}`, "Say which member links its structs: through MEMBER");
  }
  for (const value of finder.find(headOf(place), undefined)) {
    const node = cType(value.type ?? "").target === undefined ? value : finder.follow(value);
    if (node === undefined) continue;
    if (unqualified(node.type ?? "") !== "struct list_head") {
      throw cannotErase(
        `${place.text} is ${node.type ?? "of unknown type"}, not a list_head`,
        "Name a list's head: NAME{list_head}",
      );
    }
    const first = node.address;
    const at = (entry: bigint) => finder.at(type, entry - BigInt(member.offset));
    let marker = first;
    let entry = memory.readWord(first);
    for (let count = 0, power = 1; entry !== first; count++) {
      // Brent's algorithm: also finds a cycle that does not contain the first element.
      if (entry === undefined || entry === marker || !memory.isKernelAddress(entry) || count >= MAX_LIST) {
        finder.misses.broken++;
        break;
      }
      if (count === power) [marker, power] = [entry, power * 2];
      yield at(entry);
      entry = memory.readWord(entry);
    }
  }
}

/** `HEAD.next` means HEAD: makedumpfile.conf(5) writes lists that way. */
function headOf(place: Place): Place {
  const last = place.steps.at(-1);
  const isLink = last?.kind === "member" && (last.name === "next" || last.name === "prev");
  return isLink ? { ...place, steps: place.steps.slice(0, -1) } : place;
}

function lastName({ steps, text }: Place): string {
  const last = steps.filter(({ kind }) => kind !== "type").at(-1);
  if (last?.kind === "member") return last.name;
  throw cannotErase(`the rule must say which member of its structs is in the list ${text}`, "Add it: through MEMBER");
}

function* chain(
  start: Value,
  { type, through }: Loop & { kind: "chain" },
  finder: ValueFinder,
): Generator<Value, void> {
  const first = cType(start.type ?? "").target === undefined ? start : finder.follow(start);
  if (first === undefined) return;
  const as = (value: Value) => (type === undefined ? value : finder.at(type, value.address, value.physical));
  const next = {
    root: undefined,
    steps: through.split(".").map((name) => ({ kind: "member" as const, name })),
    text: through,
  };
  let marker: bigint | undefined;
  let at: Value | undefined = as(first);
  for (let count = 0, power = 1; at !== undefined; count++) {
    if (at.address === marker || count >= MAX_LIST) {
      finder.misses.broken++;
      return;
    }
    if (count === power) [marker, power] = [at.address, power * 2];
    yield at;
    const nulls = finder.misses.nulls;
    const [link] = finder.find(next, at);
    if (link !== undefined && cType(link.type ?? "").target === undefined) {
      throw cannotErase(
        `${through} is ${link.type ?? "of unknown type"}, not a pointer`,
        "Say which member points to the next",
      );
    }
    const following: Value | undefined = link && finder.follow(link);
    // The end of a chain does not count as a null pointer.
    finder.misses.nulls = nulls;
    at = following === undefined || following.address === first.address ? undefined : as(following);
  }
}
