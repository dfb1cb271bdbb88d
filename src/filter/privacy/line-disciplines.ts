import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleVariable, withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { InputQueues } from "./input-queues.js";
import type { OpenFiles } from "./open-files.js";
import { SearchSteps } from "./search-steps.js";
import { allTtys } from "./tty-buffers.js";

/** Terminals and buffers together. */
const MAX_STEPS = 1 << 18;
/** The parameter maxframe of n_hdlc is at most this (MAX_HDLC_FRAME_SIZE). */
const MAX_FRAME = 65535;

/** Line disciplines that have packets in their own memory, and the variables with their operations. */
const LINES = [
  { module: "n_hdlc", type: "n_hdlc", variable: "n_hdlc_ldisc", what: "HDLC" },
  { module: "ppp_async", type: "asyncppp", variable: "ppp_ldisc", what: "PPP" },
  { module: "ppp_synctty", type: "syncppp", variable: "ppp_sync_ldisc", what: "PPP (synchronous)" },
] as const;

/** Frames of HDLC and PPP on serial lines: what came in, waits to go out, and went last. */
export function lineBuffers(
  space: AddressSpace,
  base: KernelObjects,
  files: () => OpenFiles,
  steps = new SearchSteps(MAX_STEPS),
): InputQueues {
  const missing: string[] = [];
  const found: InputQueues = { list: new SpanList(), objects: 0, missing };
  let ttys: ReadonlySet<bigint> | undefined;
  const erase = (address: bigint, length: number) => {
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  for (const line of LINES) {
    const driver = withModule(base, line);
    if (driver === "none") continue;
    ttys ??= allTtys(space, base, files());
    if (driver === undefined || ttys === undefined) {
      missing.push(line.what);
      continue;
    }
    const { kernel, at } = driver;
    const frame = line.type === "n_hdlc" ? largestFrame(base) : undefined;
    for (const tty of ttys) {
      if (!steps.take()) break;
      const discipline = readMember(base, "tty_struct", tty, "ldisc");
      if (!discipline || readMember(base, "tty_ldisc", discipline, "ops") !== at) continue;
      const own = readMember(base, "tty_struct", tty, "disc_data");
      if (!own || !kernel.memory.isKernelAddress(own)) continue;
      if (frame !== undefined) framesOf(kernel, own, frame, steps, erase);
      else {
        const out = kernel.types.member(line.type, "obuf");
        if (out === undefined) kernel.incomplete?.();
        else erase(own + BigInt(out.offset), out.size);
      }
    }
  }
  if (steps.cut) missing.push("serial lines (too many)");
  return found;
}

const HDLC_LISTS = ["tx_free_buf_list", "rx_free_buf_list", "tx_buf_list", "rx_buf_list"];

/** The buffers of a line with HDLC: in use, and for later. */
function framesOf(
  kernel: KernelObjects,
  line: bigint,
  length: number,
  steps: SearchSteps,
  erase: (address: bigint, length: number) => void,
): void {
  for (const name of HDLC_LISTS) {
    const list = memberAddress(kernel, "n_hdlc", line, `${name}.list`);
    if (list === undefined) continue;
    for (const one of walkList(kernel, list, "n_hdlc_buf", "list_item", MAX_STEPS)) {
      if (!steps.take()) return;
      const data = memberAddress(kernel, "n_hdlc_buf", one, "buf");
      if (data !== undefined) erase(data, length);
    }
  }
}

/** How many bytes each buffer of HDLC has: a parameter of the module. */
function largestFrame(kernel: KernelObjects): number {
  const at = moduleVariable(kernel, "n_hdlc", "maxframe");
  const value = typeof at === "bigint" ? kernel.memory.readView(at, 4)?.getUint32(0, kernel.memory.littleEndian) : 0;
  return value && value <= MAX_FRAME ? value : 4096;
}
