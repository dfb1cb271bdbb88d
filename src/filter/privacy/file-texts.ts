import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addAllocated, type WantedBytes } from "./allocations.js";
import { dataOfOpenFiles, type OpenFiles } from "./open-files.js";
import type { ScrubList } from "./scrubbed.js";
import { guessing } from "./watched-kernel.js";

/** A text of more is no slab object (`kmalloc` has those of two pages, at most): it is dropped. */
const MAX_PAGES = 2;
/**
 * Texts that the kernel wrote for programs which read its files in part: names and settings, but also what programs wrote
 * into traces (trace, trace_pipe). They wait in a buffer of each open file; of traces also in an iterator, which is a
 * slab's where pages are larger than 4 KiB. Also the answers of a TPM, with what it unsealed, where its driver is built in.
 */
export function fileTexts(space: AddressSpace, kernel: KernelObjects, files: OpenFiles): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const unsure = guessing(kernel);
  const wanted: WantedBytes[] = [];
  const isSmall = (length: number) => length > 0 && length <= MAX_PAGES * memory.pageSize;
  /** A member of a struct, which is an allocation: of as many bytes as are known. */
  const eraseMember = (type: string, address: bigint, name: string) => {
    const member = types.member(type, name);
    if (member === undefined) kernel.incomplete?.();
    else if (isSmall(member.size)) {
      const size = types.sizeOf(type) ?? member.offset + member.size;
      wanted.push({ address, size, from: member.offset, length: member.size });
    }
  };
  /** Whether a file's own data are of that type: it names the file, which names it. */
  const isOf = (type: string, data: bigint) => {
    const file = readMember(unsure, type, data, "file");
    return (
      Boolean(file && memory.isKernelAddress(file)) &&
      readMember(unsure, "file", file as bigint, "private_data") === data
    );
  };
  /** What is being put together for a reader of a trace, and a copy of it. */
  const ofTrace = (iterator: bigint) => {
    for (const name of ["seq.buffer", "tmp_seq.buffer"]) {
      // Not all kernels have the copy.
      if (types.member("trace_iterator", name) !== undefined) eraseMember("trace_iterator", iterator, name);
    }
  };
  const pipes = new Set(symbols.addresses("tracing_pipe_fops"));
  const traces = new Set(symbols.addresses("tracer_seq_ops"));
  const chips = new Set(["tpm_fops", "tpmrm_fops"].flatMap((name) => symbols.addresses(name)));
  // Without it, in old kernels, nothing shows whose data are texts.
  if (types.member("seq_file", "file") === undefined) kernel.incomplete?.();
  let isPipe = false;
  let isChip = false;
  const isWanted = (operations: bigint) => {
    isPipe = pipes.has(operations);
    isChip = chips.has(operations);
    return true;
  };
  const seen = new Set<bigint>();
  for (const data of dataOfOpenFiles(kernel, files, isWanted)) {
    if (seen.has(data) || !memory.isKernelAddress(data)) continue;
    seen.add(data);
    if (isPipe) ofTrace(data);
    if (isChip) eraseMember("file_priv", data, "data_buffer");
    const text = isOf("seq_file", data)
      ? data
      : isOf("kernfs_open_file", data)
        ? readMember(kernel, "kernfs_open_file", data, "seq_file")
        : undefined;
    if (!text || !memory.isKernelAddress(text)) continue;
    const own = readMember(kernel, "seq_file", text, "private");
    if (own && traces.has(readMember(kernel, "seq_file", text, "op") ?? 0n)) ofTrace(own);
    const address = readMember(kernel, "seq_file", text, "buf");
    const size = Number(readMember(kernel, "seq_file", text, "size") ?? 0n);
    if (address && memory.isKernelAddress(address) && isSmall(size))
      wanted.push({ address, size, from: 0, length: size });
  }
  addAllocated(space, wanted, files.allocations, found);
  return found;
}
