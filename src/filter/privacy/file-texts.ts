import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { dataOfOpenFiles } from "./open-files.js";
import type { ScrubList } from "./scrubbed.js";

/** A text of more is no slab object: it is dropped. */
const MAX_TEXT = 1 << 16;
/**
 * Texts that the kernel wrote for programs which read its files in part: names and settings, but also what programs wrote
 * into traces (trace, trace_pipe). They wait in a buffer of each open file.
 */
export function fileTexts(space: AddressSpace, kernel: KernelObjects, tasks: readonly bigint[]): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > MAX_TEXT) return;
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  /** Whether a file's own data are of that type: it names the file, which names it. */
  const isOf = (type: string, data: bigint) => {
    const file = readMember(kernel, type, data, "file");
    return (
      Boolean(file && memory.isKernelAddress(file)) &&
      readMember(kernel, "file", file as bigint, "private_data") === data
    );
  };
  const line = types.member("trace_iterator", "seq.buffer");
  const pipes = new Set(symbols.addresses("tracing_pipe_fops"));
  let isPipe = false;
  const wanted = (operations: bigint) => {
    isPipe = pipes.has(operations);
    return true;
  };
  const seen = new Set<bigint>();
  for (const data of dataOfOpenFiles(kernel, tasks, wanted)) {
    if (seen.has(data) || !memory.isKernelAddress(data)) continue;
    seen.add(data);
    if (isPipe && line !== undefined) erase(memberAddress(types, "trace_iterator", data, "seq.buffer"), line.size);
    const text = isOf("seq_file", data)
      ? data
      : isOf("kernfs_open_file", data)
        ? readMember(kernel, "kernfs_open_file", data, "seq_file")
        : undefined;
    if (!text || !memory.isKernelAddress(text)) continue;
    erase(readMember(kernel, "seq_file", text, "buf"), Number(readMember(kernel, "seq_file", text, "size") ?? 0n));
  }
  return found;
}
