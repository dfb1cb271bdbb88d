import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { treeNodes } from "../../kernel/objects/lookup-trees.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_CLIENTS = 1 << 12;
/** Clients, trees, and blocks with their pages. */
const MAX_STEPS = 1 << 22;
/** Larger blocks are no slab objects: they are dropped. */
const MAX_BLOCK = 1 << 18;
const MAX_TREES = 1 << 10;

/**
 * Blocks of disks in the buffers of device mapper's targets (dm-bufio): in caches of slabs, or in `kmalloc` (6.5 and
 * later, where a block is a power of two). `undefined` if there may be some, but types or symbols do not lead to them, or
 * not to all.
 */
export function blockBuffers(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const wanted = { module: "dm_bufio", type: "dm_bufio_client", variable: "dm_bufio_all_clients" };
  const driver = withModule(base, wanted);
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory, types } = kernel;
  const node = types.member("dm_buffer", "node");
  if (node === undefined) return undefined;
  for (const client of walkList(kernel, at, "dm_bufio_client", "client_list", MAX_CLIENTS)) {
    const roots = treesOf(kernel, client);
    const spare = memberAddress(kernel, "dm_bufio_client", client, "reserved_buffers");
    const size = Number(readMember(kernel, "dm_bufio_client", client, "block_size") ?? 0n);
    if (roots === undefined || spare === undefined) return undefined;
    if (size <= 0 || size > MAX_BLOCK) continue;
    const erase = (buffer: bigint) => {
      const data = readMember(kernel, "dm_buffer", buffer, "data");
      if (!data || !memory.isKernelAddress(data)) return;
      if (addVirtual(space, data, size, found.list) > 0) found.objects++;
    };
    const cost = 1 + Math.ceil(size / memory.pageSize);
    for (const root of roots) {
      if (!steps.take()) return undefined;
      for (const one of treeNodes(kernel, root, MAX_STEPS)) {
        if (!steps.take(cost)) return undefined;
        erase(one - BigInt(node.offset));
      }
    }
    const list = types.member("dm_buffer", "lru_list") === undefined ? "lru.list" : "lru_list";
    for (const one of walkList(kernel, spare, "dm_buffer", list, MAX_STEPS)) {
      if (!steps.take(cost)) return undefined;
      erase(one);
    }
  }
  return found;
}

/**
 * The roots of the trees of a client's buffers: one until 6.3, then several: first so many as the array has, then so many
 * as the client says. `undefined` if types do not say where, or how many.
 */
function treesOf(kernel: KernelObjects, client: bigint): bigint[] | undefined {
  const { memory, types } = kernel;
  const single = memberAddress(kernel, "dm_bufio_client", client, "buffer_tree.rb_node");
  const root = (at: bigint) => memory.readWord(at) ?? 0n;
  if (single !== undefined) return [root(single)];
  const first = memberAddress(kernel, "dm_bufio_client", client, "cache.trees");
  const array = types.member("dm_bufio_client", "cache.trees")?.count;
  const count = Number(readMember(kernel, "dm_bufio_client", client, "cache.num_locks") ?? array ?? 0);
  const stride = types.sizeOf("buffer_tree");
  const within = types.member("buffer_tree", "root.rb_node")?.offset;
  if (first === undefined || !stride || within === undefined || count === 0 || count > MAX_TREES) return undefined;
  return Array.from({ length: count }, (_, i) => root(first + BigInt(i * stride + within)));
}
