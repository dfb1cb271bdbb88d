import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { xarrayEntries } from "../../kernel/objects/lookup-trees.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_SESSIONS = 1 << 12;
/** Nodes and entries of all sessions' trees, and pages of what they lead to. */
const MAX_STEPS = 1 << 20;
/** Larger ones are no slab objects: they are dropped. */
const MAX_REQUEST = 1 << 20;
/** Before 4.20 requests were in another table, and their buffers elsewhere. */
const NEEDED = [
  ["v9fs_session_info", "clnt"],
  ["p9_client", "reqs.idr_rt.xa_head"],
  ["p9_req_t", "tc.sdata"],
  ["p9_req_t", "tc.capacity"],
  ["p9_req_t", "rc.sdata"],
  ["p9_req_t", "rc.capacity"],
] as const;

/**
 * Requests to 9p servers and their answers, with contents of files: since 6.0 small ones are not in the cache of their
 * own. `undefined` if there may be some, but types or symbols do not lead to them, or not to all.
 */
export function fileRequests(space: AddressSpace, base: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "9p", type: "v9fs_session_info", variable: "v9fs_sessionlist" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  if (NEEDED.some(([type, name]) => kernel.types.member(type, name) === undefined)) return undefined;
  const { memory } = kernel;
  const steps = new SearchSteps(MAX_STEPS);
  for (const session of walkList(kernel, at, "v9fs_session_info", "slist", MAX_SESSIONS)) {
    const client = readMember(kernel, "v9fs_session_info", session, "clnt");
    const root = client ? readMember(kernel, "p9_client", client, "reqs.idr_rt.xa_head") : undefined;
    for (const request of xarrayEntries(kernel, root ?? 0n, steps)) {
      for (const side of ["tc", "rc"]) {
        const data = readMember(kernel, "p9_req_t", request, `${side}.sdata`);
        const length = Number(readMember(kernel, "p9_req_t", request, `${side}.capacity`) ?? 0n);
        if (!data || !memory.isKernelAddress(data) || length <= 0 || length > MAX_REQUEST) continue;
        if (!steps.take(Math.ceil(length / memory.pageSize))) return undefined;
        if (addVirtual(space, data, length, found.list) > 0) found.objects++;
      }
    }
  }
  return steps.cut ? undefined : found;
}
