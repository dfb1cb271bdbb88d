import type { AddressSpace } from "../../kernel/address-space.js";
import { roomOf } from "../../kernel/debuginfo/symbol-room.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { xarrayEntries } from "../../kernel/objects/lookup-trees.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

/** Programs, and pieces of text, in all. */
const MAX_STEPS = 1 << 20;
/** What a program prints in one call has at most 512 bytes, what the kernel says of a program some lines. */
const MAX_TEXT = 1 << 16;
/** Of standard output and of errors. */
const STREAMS = 2;
/** MAX_BPRINTF_NEST_LEVEL: a program may interrupt another. */
const LEVELS = 3;
/** What a level has before 6.2, if types do not say. */
const OLD_LEVEL = 512;
/** All levels have 1.5 to 4.5 KiB. */
const MAX_LEVELS = 1 << 16;

/**
 * What BPF programs print: into streams of their own, where it waits for a reader (6.17 and later, kernel/bpf/stream.c), and
 * where each CPU has put it together (5.13 and later). `undefined` if there may be some, but symbols do not lead there.
 */
export function programTexts(
  space: AddressSpace,
  kernel: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { symbols, types } = kernel;
  if (!lastTexts(space, kernel, found)) return undefined;
  const text = types.member("bpf_stream_elem", "str");
  if (text === undefined) return found;
  const programs = symbols.address("prog_idr");
  if (programs === undefined) return undefined;
  const root = readMember(kernel, "idr", programs, "idr_rt.xa_head") ?? 0n;
  for (const program of xarrayEntries(kernel, root, steps)) {
    const own = readMember(kernel, "bpf_prog", program, "aux");
    for (let i = 0; own && i < STREAMS; i++) {
      for (const path of [`stream[${i}].log.first`, `stream[${i}].backlog_head`]) {
        for (const piece of piecesOf(kernel, readMember(kernel, "bpf_prog_aux", own, path), steps)) {
          const length = Number(readMember(kernel, "bpf_stream_elem", piece, "total_len") ?? 0n);
          if (length <= 0 || length > MAX_TEXT) kernel.incomplete?.();
          else if (addVirtual(space, piece + BigInt(text.offset), length, found.list) > 0) found.objects++;
        }
      }
    }
  }
  return steps.cut ? undefined : found;
}

/** The pieces of a stream's text: a list whose last one points nowhere (struct llist_node). */
function* piecesOf(kernel: KernelObjects, first: bigint | undefined, steps: SearchSteps): Generator<bigint> {
  const node = kernel.types.member("bpf_stream_elem", "node")?.offset;
  for (let at = first; at && node !== undefined; at = kernel.memory.readWord(at)) {
    if (!kernel.memory.isKernelAddress(at)) kernel.incomplete?.();
    if (!kernel.memory.isKernelAddress(at) || !steps.take()) return;
    yield at - BigInt(node);
  }
}

/** Adds what each CPU printed last for a program; false if nothing says where that is. */
function lastTexts(space: AddressSpace, kernel: KernelObjects, found: ScrubList): boolean {
  const { symbols, types } = kernel;
  const variable = symbols.address("bpf_bprintf_bufs");
  const size = types.sizeOf("bpf_bprintf_buffers");
  // Symbols of functions only say nothing of variables.
  const namesVariables = symbols.address("init_task") !== undefined || types.sizeOf("bpf_prog_aux") === undefined;
  if (variable === undefined) return size === undefined && namesVariables;
  const cpus = possibleCpus(kernel);
  if (cpus === undefined) return false;
  // Until 6.1 a type for it has all levels.
  const isWhole = types.member("bpf_bprintf_buffers", "tmp_bufs") !== undefined;
  const most = Math.min(MAX_LEVELS, size !== undefined && isWhole ? size : LEVELS * (size ?? OLD_LEVEL));
  // Where types say it, symbols are not asked: putting them in order takes 70 ms.
  const room = size === undefined ? roomOf(symbols, variable, most) : most;
  const length = room > 1 ? room : most;
  for (const cpu of cpus) {
    const at = perCpuAddress(kernel, variable, cpu);
    if (at !== undefined && addVirtual(space, at, length, found.list) > 0) found.objects++;
  }
  return true;
}
