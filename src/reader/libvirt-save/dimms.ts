import type { PluggedMemory } from "../qemu-migration/plugged.js";
import { type ByteSource, readWhatIsThere } from "../source/byte-source.js";
import { SAVE_HEADER_SIZE } from "./header.js";

/** The XML is searched up to here. A domain with a thousand devices has some 500 KB. */
const MOST_BYTES = 2 ** 20;
/** QEMU's machines have 256 slots at most. */
const MOST_DIMMS = 256;
const KIB = 1024;
const START = "<memory model='dimm'";

/**
 * The DIMMs of a domain: QEMU's stream has their memory, the domain's XML says where it lies (libvirt 12.8: `<address
 * type='dimm' slot='0' base='0x100000000'/>`). libvirt calls a DIMM's block "mem" and its alias, which is "dimm" and the
 * slot if the user gave none. What is not understood is left out.
 */
export function dimmsOf(source: ByteSource, end: number): PluggedMemory[] {
  const length = Math.min(end - SAVE_HEADER_SIZE, MOST_BYTES);
  const text = Buffer.from(readWhatIsThere(source, SAVE_HEADER_SIZE, length)).toString("latin1");
  const found: PluggedMemory[] = [];
  for (const part of text.split("</memory>", MOST_DIMMS)) {
    const at = part.lastIndexOf(START);
    const dimm = at < 0 ? undefined : dimmOf(part.slice(at));
    if (dimm !== undefined) found.push(dimm);
  }
  return found;
}

function dimmOf(xml: string): PluggedMemory | undefined {
  const size = /<size unit='KiB'>(\d{1,12})<\/size>/.exec(xml)?.[1];
  const [, slot, base] = /<address type='dimm' slot='(\d{1,3})' base='0x([0-9a-f]{1,12})'\/>/.exec(xml) ?? [];
  if (size === undefined || slot === undefined || base === undefined) return undefined;
  const alias = /<alias name='([^']{1,200})'\/>/.exec(xml)?.[1] ?? `dimm${slot}`;
  const bytes = Number(size) * KIB;
  return {
    block: `mem${alias}`,
    address: Number.parseInt(base, 16),
    length: bytes,
    unit: bytes,
    plugged: [{ first: 0, count: 1 }],
  };
}
