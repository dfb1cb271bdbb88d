import type { KernelMemory } from "../kernel-memory.js";
import { MAX_LOG_BYTES } from "./log-record.js";
import { findRing, firstRing, type Ring } from "./ring-buffer.js";

/** Bytes of the kernel's memory. */
export interface LogPlace {
  readonly address: bigint;
  readonly bytes: number;
  /** As many bytes again, `count` times in all, each `every` bytes behind the one before. */
  readonly repeat?: { readonly every: number; readonly count: number };
}

/** Where a kernel has its log, which may be outside of its image. */
export interface LogPlaces {
  /** All of it: records and texts. */
  readonly all: readonly LogPlace[];
  /** What of it is text: of messages, and names of devices. */
  readonly texts: readonly LogPlace[];
}

/** The log's memory by VMCOREINFO; `undefined` if that does not have it. */
export function logPlaces(memory: KernelMemory): LogPlaces | undefined {
  const { info } = memory;
  const ring = findRing(memory);
  if (ring !== undefined) {
    const rings = [ring, firstRing(memory)].filter((one) => one !== undefined).map((one) => placesOf(memory, one));
    return { all: rings.flatMap(({ all }) => all), texts: rings.flatMap(({ texts }) => texts) };
  }
  const pointer = info.symbol("log_buf");
  const length = info.symbol("log_buf_len");
  const address = pointer === undefined ? undefined : memory.readWord(pointer);
  const bytes = length === undefined ? undefined : memory.readView(length, 4)?.getUint32(0, memory.littleEndian);
  if (address === undefined || !memory.isKernelAddress(address) || !bytes || bytes > MAX_LOG_BYTES) return undefined;
  const whole = { address, bytes };
  return { all: [whole], texts: [whole] };
}

/** A ring's records and texts. */
function placesOf({ info, wordSize }: KernelMemory, ring: Ring): LogPlaces {
  const records = 2 ** ring.countBits;
  const infoSize = info.size("printk_info") ?? 88;
  const text = { address: ring.data, bytes: 2 ** ring.sizeBits };
  const device = info.offset("printk_info.dev_info");
  const infos = { address: ring.infos, bytes: records * infoSize };
  const descs = { address: ring.descs, bytes: records * (info.size("prb_desc") ?? 3 * wordSize) };
  return {
    all: [descs, infos, text],
    texts: device === undefined || device >= infoSize ? [text] : [text, namesOf(infos, records, infoSize, device)],
  };
}

/** Records of which only the names are meant: their texts fill 128 MiB. */
const MOST_NAMED = 2 ** 22;

/** The names of devices, which lie at the ends of records. Of a larger ring (a damaged one claims any size) it is all of the records. */
function namesOf({ address, bytes }: LogPlace, count: number, infoSize: number, device: number): LogPlace {
  if (count > MOST_NAMED) return { address, bytes };
  return { address: address + BigInt(device), bytes: infoSize - device, repeat: { every: infoSize, count } };
}
