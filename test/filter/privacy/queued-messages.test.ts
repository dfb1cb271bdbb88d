/** Messages in System V and POSIX queues, laid out by hand: one piece, several, and what a damaged dump has. */
import { describe, expect, test } from "vitest";
import { queuedMessages } from "../../../src/filter/privacy/queued-messages.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import type { KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { virtualMemory } from "../../support/virtual-memory.js";

const BASE = 0xffff_8880_0000_0000n;
const PAGE = 4096;

/** Offsets of Debian's 6.1 for x86-64 where they matter, small ones where not. */
const MEMBERS: Readonly<Record<string, readonly [offset: number, size: number, count?: number]>> = {
  "msg_msg.m_list": [0, 16],
  "msg_msg.m_ts": [24, 8],
  "msg_msg.next": [32, 8],
  "msg_msgseg.next": [0, 8],
  "ipc_namespace.ids[1].ipcs_idr.idr_rt.xa_head": [64, 8],
  "msg_queue.q_messages": [192, 16],
  "xa_node.slots": [40, 512, 64],
  "rb_node.rb_left": [16, 8],
  "rb_node.rb_right": [8, 8],
  "posix_msg_tree_node.rb_node": [0, 24],
  "posix_msg_tree_node.msg_list": [24, 16],
};
const SIZES: Readonly<Record<string, number>> = { msg_msg: 48, msg_msgseg: 8 };

const types = {
  source: "a test",
  sizeOf: (type: string) => SIZES[type],
  member(type: string, path: string) {
    const found = MEMBERS[`${type}.${path}`];
    return found && { name: path, offset: found[0], size: found[1], type: "", ...(found[2] && { count: found[2] }) };
  },
} as unknown as KernelTypes;

const at = (offset: number) => BASE + BigInt(offset);
const [NAMESPACE, NODE, QUEUE, MESSAGE, SECOND, SEGMENT, LAST, TREE] = [
  0x100, 0x400, 0x800, 0x1000, 0x1800, 0x2000, 0x4000, 0x7000,
];
const node = (offset: number) => at(offset) + 2n;

/** A queue with a message of 100 bytes and one of 9,000, which has two segments. */
const queue: Readonly<Record<number, bigint>> = {
  [NAMESPACE + 64]: node(NODE),
  [NODE + 40 + 8 * 5]: at(QUEUE),
  [QUEUE + 192]: at(MESSAGE),
  [MESSAGE]: at(SECOND),
  [MESSAGE + 24]: 100n,
  [SECOND]: at(QUEUE + 192),
  [SECOND + 24]: 9000n,
  [SECOND + 32]: at(SEGMENT),
  [SEGMENT]: at(LAST),
};

function search(words: Readonly<Record<number, bigint>>, trees: readonly bigint[] = [], steps?: SearchSteps) {
  const bytes = Buffer.alloc(0x8000);
  for (const [offset, value] of Object.entries(words)) bytes.writeBigUInt64LE(value, Number(offset));
  const memory = virtualMemory({ vaddr: BASE, bytes: new Uint8Array(bytes) });
  const kernel = { memory, types, symbols: {} } as unknown as KernelObjects;
  const space = { translate: (vaddr: bigint) => ({ paddr: Number(vaddr - BASE), length: PAGE }) };
  const pieces: [number, number, boolean][] = [];
  const roots = { namespaces: new Set([at(NAMESPACE)]), trees: new Set(trees) };
  const all = queuedMessages(space, kernel, roots, (...piece) => pieces.push(piece), steps);
  return { pieces, all };
}

const found = (...[words, trees]: Parameters<typeof search>) => search(words, trees).pieces;

test("queues that all lead to the same messages: name spaces, queues, messages and pieces take steps together", () => {
  const nodes = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [NODE + 40 + 8 * i, at(QUEUE + 8 * i)]));
  const lists = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [QUEUE + 8 * i + 192, at(MESSAGE)]));
  const many = { ...queue, ...nodes, ...lists, [SECOND]: at(MESSAGE) };
  const steps = new SearchSteps(100);
  const { pieces, all } = search(many, [], steps);
  expect(all).toBe(false);
  expect(pieces.length).toBeLessThanOrEqual(100);
  expect(search(queue)).toMatchObject({ all: true });
});

/** A page has 4,048 bytes of text behind struct msg_msg, and 4,088 behind a segment's pointer. */
const LONG = [
  [SECOND + 48, 4048, true],
  [SEGMENT + 8, 4088, false],
  [LAST + 8, 864, false],
] as const;

describe("System V", () => {
  test("all text of all messages, none of the headers", () => {
    expect(found(queue)).toEqual([[MESSAGE + 48, 100, true], ...LONG]);
  });

  test("one queue in the tree: its entry is the root itself", () => {
    expect(found({ ...queue, [NAMESPACE + 64]: at(QUEUE) })).toHaveLength(4);
  });

  test.each<[string, Readonly<Record<number, bigint>>, number]>([
    ["no queues", { [NAMESPACE + 64]: 0n }, 0],
    ["a tree whose node is itself", { [NODE + 40]: node(NODE), [NODE + 48]: node(NODE) }, 4],
    ["a tree of wild pointers", { [NAMESPACE + 64]: 0x1236n }, 0],
    ["a list that goes in circles", { [SECOND]: at(MESSAGE) }, 8],
    ["a list to nowhere", { [MESSAGE]: 0x10n }, 1],
    ["a text without an end", { [MESSAGE + 24]: 1n << 40n }, 3],
    ["segments that go in circles", { [LAST]: at(SEGMENT), [SECOND + 24]: 20_000n }, 6],
  ])("%s: the walk ends", (_, change, least) => {
    const pieces = found({ ...queue, ...change });
    expect(pieces.length).toBeGreaterThanOrEqual(least);
    for (const [start, length] of pieces) expect(length).toBeLessThanOrEqual(PAGE - (start % 8 === 0 ? 8 : 0));
  });
});

test("POSIX: the lists of all nodes of the tree", () => {
  const words = {
    [TREE + 16]: at(TREE + 0x100),
    [TREE + 24]: at(TREE + 24),
    [TREE + 0x100 + 24]: at(MESSAGE),
    [MESSAGE]: at(TREE + 0x100 + 24),
    [MESSAGE + 24]: 700n,
    // A tree that leads back to its root.
    [TREE + 0x100 + 8]: at(TREE),
  };
  const pieces = found(words, [at(TREE)]);
  expect(pieces[0]).toEqual([MESSAGE + 48, 700, true]);
  expect(new Set(pieces.map(([start]) => start))).toEqual(new Set([MESSAGE + 48]));
});
