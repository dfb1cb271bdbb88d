import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
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
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > MAX_PAGES * memory.pageSize) return;
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
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
      const length = types.member("trace_iterator", name)?.size ?? 0;
      erase(memberAddress(kernel, "trace_iterator", iterator, name), length);
    }
  };
  const pipes = new Set(symbols.addresses("tracing_pipe_fops"));
  const traces = new Set(symbols.addresses("tracer_seq_ops"));
  const chips = new Set(["tpm_fops", "tpmrm_fops"].flatMap((name) => symbols.addresses(name)));
  let isPipe = false;
  let isChip = false;
  const wanted = (operations: bigint) => {
    isPipe = pipes.has(operations);
    isChip = chips.has(operations);
    return true;
  };
  const seen = new Set<bigint>();
  for (const data of dataOfOpenFiles(kernel, files, wanted)) {
    if (seen.has(data) || !memory.isKernelAddress(data)) continue;
    seen.add(data);
    if (isPipe) ofTrace(data);
    if (isChip)
      erase(
        memberAddress(kernel, "file_priv", data, "data_buffer"),
        types.member("file_priv", "data_buffer")?.size ?? 0,
      );
    const text = isOf("seq_file", data)
      ? data
      : isOf("kernfs_open_file", data)
        ? readMember(kernel, "kernfs_open_file", data, "seq_file")
        : undefined;
    if (!text || !memory.isKernelAddress(text)) continue;
    const own = readMember(kernel, "seq_file", text, "private");
    if (own && traces.has(readMember(kernel, "seq_file", text, "op") ?? 0n)) ofTrace(own);
    erase(readMember(kernel, "seq_file", text, "buf"), Number(readMember(kernel, "seq_file", text, "size") ?? 0n));
  }
  return found;
}
