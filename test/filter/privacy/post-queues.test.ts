/** POSIX queues: only inodes of files have one. In those of directories there may be anything in its place. */
import { expect, test, vi } from "vitest";
import { privateObjects } from "../../../src/filter/privacy/private-objects.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { BASE, dumpOf, machine, piecesOf, space } from "../../support/fake-machine.js";

vi.mock("../../../src/kernel/objects/slab-walk.js", async (original) => ({
  ...(await original<object>()),
  slabWalk: () => ({
    ...{ cpuLists: true, sheaves: { found: false, broken: 0 }, caches: new Map(), guarded: "none" },
    each(use: (slab: Slab) => void) {
      const [stride, count, start] = [128, 2, 0x1000];
      const freelist = { offset: 64, wordSize: 8 };
      const cache = {
        name: "mqueue_inode_cache",
        address: BASE + 0x100n,
        stride,
        objectSize: stride,
        pad: 0,
        freelist,
      };
      use({ cache, start, count, end: 0x1100, extensions: undefined, free: new Uint8Array(2) } as unknown as Slab);
      return 0;
    },
  }),
}));

const TYPES = {
  "mqueue_inode_info.msg_tree.rb_node": [8, 8],
  "mqueue_inode_info.vfs_inode.i_mode": [16, 2],
  "posix_msg_tree_node.rb_node": [0, 24],
  "posix_msg_tree_node.msg_list": [24, 16],
  "rb_node.rb_left": [8, 8],
  "rb_node.rb_right": [16, 8],
  msg_msg: [0, 48],
  msg_msgseg: [0, 8],
  "msg_msg.m_list": [0, 16],
  "msg_msg.m_ts": [24, 8],
  "kmem_cache.refcount": [0, 4],
} as const;

test("the tree of a directory is not followed", () => {
  const { kernel, view, point, word } = machine({ init_task: 0 }, TYPES);
  for (const [inode, mode, tree] of [
    [0x1000, 0o100600, 0x2000],
    [0x1080, 0o41777, 0x3000],
  ] as const) {
    point(inode + 8, tree);
    view.setUint16(inode + 16, mode, true);
    point(tree + 24, tree + 0x100);
    point(tree + 0x100, tree + 24);
    word(tree + 0x118, 100n);
  }
  const watched = watchedKernel(kernel);
  const found = privateObjects(dumpOf(view), {} as KernelView, space, watched.kernel, undefined)?.found.get("messages");
  expect(found && piecesOf(found.list)).toEqual([[0x2130, 0x2194]]);
});
