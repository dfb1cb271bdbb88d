import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleVariable, withModule } from "../../kernel/objects/module-objects.js";
import { networkSpaces, ofNetworkSpace } from "../../kernel/objects/network-spaces.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

/** Name spaces, clients, calls, and pages of what these have. */
const MAX_STEPS = 1 << 20;
/** Larger ones are no slab objects: they are dropped. */
const MAX_BUFFER = 1 << 18;
/** RPC_BUFFER_MAXSIZE, the size of the objects that are kept in reserve. */
const RESERVED = 2048;
const MAX_RESERVED = 1 << 10;

/**
 * Calls to servers of NFS and their answers (SUNRPC), in a cache of their own, in one that the kernel merged that with,
 * or in `kmalloc`; also buffers in reserve. `undefined` if there may be some, but types or symbols do not lead to them, or
 * not to all.
 */
export function rpcBuffers(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "sunrpc", type: "sunrpc_net", variable: "sunrpc_net_id" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory, types } = kernel;
  if (types.member("rpc_rqst", "rq_rbuffer") === undefined) return undefined;
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > MAX_BUFFER) return;
    if (steps.take(Math.ceil(length / memory.pageSize)) && addVirtual(space, address, length, found.list) > 0)
      found.objects++;
  };
  const size = (request: bigint, name: string) => Number(readMember(kernel, "rpc_rqst", request, name) ?? 0n);
  for (const net of networkSpaces(kernel)) {
    const own = ofNetworkSpace(kernel, net, at);
    const clients = own && memberAddress(kernel, "sunrpc_net", own, "all_clients");
    if (!clients) return undefined;
    for (const client of walkList(kernel, clients, "rpc_clnt", "cl_clients", MAX_STEPS)) {
      const tasks = memberAddress(kernel, "rpc_clnt", client, "cl_tasks");
      if (!steps.take() || tasks === undefined) return undefined;
      for (const task of walkList(kernel, tasks, "rpc_task", "tk_task", MAX_STEPS)) {
        if (!steps.take()) return undefined;
        const request = readMember(kernel, "rpc_task", task, "tk_rqstp");
        if (!request || !memory.isKernelAddress(request)) continue;
        erase(readMember(kernel, "rpc_rqst", request, "rq_buffer"), size(request, "rq_callsize"));
        erase(readMember(kernel, "rpc_rqst", request, "rq_rbuffer"), size(request, "rq_rcvsize"));
      }
    }
  }
  for (const one of reserved(kernel)) erase(one, RESERVED);
  return steps.cut ? undefined : found;
}

/** Buffers for when memory is short, which others had before (mempool). */
function* reserved(kernel: KernelObjects): Generator<bigint> {
  const { memory, types } = kernel;
  const at = moduleVariable(kernel, "sunrpc", "rpc_buffer_mempool");
  const pool = typeof at === "bigint" ? memory.readWord(at) : undefined;
  // struct mempool_s until 6.17
  const type = ["mempool", "mempool_s"].find((name) => types.member(name, "elements") !== undefined);
  if (pool && type === undefined) kernel.incomplete?.();
  if (!pool || type === undefined) return;
  const table = readMember(kernel, type, pool, "elements");
  const count = Number(readMember(kernel, type, pool, "curr_nr") ?? 0n);
  for (let i = 0; table && i < Math.min(count, MAX_RESERVED); i++) {
    const one = memory.readWord(table + BigInt(i * memory.wordSize));
    if (one) yield one;
  }
}
