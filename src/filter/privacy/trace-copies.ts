import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** Of `trace_marker` and `trace_marker_raw`, and of arguments of traced calls. */
const VARIABLES = ["trace_user_buffer", "syscall_buffer"];
/** Larger ones are whole pages, which are dropped. */
const MAX_BUFFER = 1 << 13;

/**
 * Copies of what programs write into traces, and of what traced calls read from programs: a buffer for each CPU (6.18 and
 * later, kernel/trace/trace.c). `undefined` if the types are there and nothing says where they are.
 */
export function traceCopies(space: AddressSpace, kernel: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  if (types.sizeOf("trace_user_buf_info") === undefined) return found;
  const at = VARIABLES.flatMap((name) => symbols.addresses(name));
  const cpus = possibleCpus(kernel);
  if (at.length === 0 || cpus === undefined) return undefined;
  for (const variable of at) {
    const info = memory.readWord(variable);
    if (!info || !memory.isKernelAddress(info)) continue;
    const own = readMember(kernel, "trace_user_buf_info", info, "tbuf");
    const size = Number(readMember(kernel, "trace_user_buf_info", info, "size") ?? 0n);
    if (!own || size <= 0 || size > MAX_BUFFER) continue;
    for (const cpu of cpus) {
      const one = perCpuAddress(kernel, own, cpu);
      const text = one === undefined ? undefined : readMember(kernel, "trace_user_buf", one, "buf");
      if (text && memory.isKernelAddress(text) && addVirtual(space, text, size, found.list) > 0) found.objects++;
    }
  }
  return found;
}
