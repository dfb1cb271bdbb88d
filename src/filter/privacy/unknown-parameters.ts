import { type KernelObjects, readText } from "../../kernel/objects/kernel-objects.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import { guessing } from "./watched-kernel.js";

/** What the kernel does not know of its command line, and gives to init: arguments behind its name, variables behind HOME and TERM. */
const GIVEN = [
  ["argv_init", 1],
  ["envp_init", 2],
] as const;
/** MAX_INIT_ARGS and MAX_INIT_ENVS. */
const MAX_GIVEN = 32;
const MAX_PARAMETER = 1 << 12;
/** A shorter text may be anything. */
const LEAST_TEXT = 8;
/** Memory at the start is given out downwards: structs of pages and tables lie between the command line and this text. */
const [BELOW, ABOVE] = [64 << 20, 16 << 20];
const CHUNK = 1 << 20;
const MAX_FOUND = 64;

/**
 * Where the kernel put together what it says of parameters that it does not know (5.14 and later): it gives that memory back before the
 * page allocator begins, so that it may stay between other things for ever. `line` is the physical address of the command line.
 */
export function unknownParameters(
  base: KernelObjects,
  physical: PhysicalMemory,
  line: number,
): { readonly start: number; readonly length: number }[] {
  const kernel = guessing(base);
  const words = GIVEN.flatMap(([name, first]) => {
    const at = kernel.symbols.address(name);
    return at === undefined ? [] : parametersAt(kernel, at, first);
  });
  const text = Buffer.from(words.map((word) => ` ${word}`).join(""), "latin1");
  const found: { start: number; length: number }[] = [];
  if (text.length < LEAST_TEXT || text.length > CHUNK / 2) return found;
  const room = Buffer.alloc(CHUNK);
  const end = line + ABOVE;
  for (let at = physical.next(Math.max(0, line - BELOW)); at < end && found.length < MAX_FOUND; ) {
    const bytes = physical.read(room, at);
    const part = room.subarray(0, bytes);
    for (let i = part.indexOf(text); i >= 0 && found.length < MAX_FOUND; i = part.indexOf(text, i + 1))
      found.push({ start: at + i, length: text.length });
    at = bytes === room.length ? at + bytes - text.length : physical.next(at + Math.max(1, bytes));
  }
  return found;
}

function parametersAt({ memory }: KernelObjects, at: bigint, first: number): string[] {
  const found: string[] = [];
  for (let i = first; i < MAX_GIVEN; i++) {
    const text = memory.readWord(at + BigInt(i * memory.wordSize));
    const word = text && memory.isKernelAddress(text) ? readText(memory, text, MAX_PARAMETER) : undefined;
    if (!word) break;
    found.push(word);
  }
  return found;
}
