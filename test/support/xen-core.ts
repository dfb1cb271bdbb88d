/** Cores of Xen domains, as `xl dump-core` writes them: sections, the table of their names last. */
import type { MemoryPiece } from "./raw-image.js";

export interface XenCoreOptions {
  readonly pieces: readonly MemoryPiece[];
  /** ".xen_p2m" has 16 bytes a page. */
  readonly index?: ".xen_pfn" | ".xen_p2m";
  /** Pages come in this order: the n-th of them by its place. Default: as in memory. */
  readonly order?: (page: number, count: number) => number;
  /** One context for each CPU. */
  readonly contexts?: readonly Uint8Array[];
  readonly announced?: number;
  readonly pageSize?: number;
  /** Of .xen_p2m: the host's frame of a page. */
  readonly frameOf?: (pfn: number) => number;
  /** Pages that the index says were not to be had. */
  readonly absent?: ReadonlySet<number>;
}

const PAGE = 4096;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

export function buildXenCore({
  pieces,
  index = ".xen_pfn",
  order = (page) => page,
  contexts = [],
  announced,
  pageSize = PAGE,
  frameOf = (pfn) => pfn,
  absent,
}: XenCoreOptions): Buffer {
  const all = pieces.flatMap(({ start, data }) =>
    Array.from({ length: Math.floor(data.length / PAGE) }, (_, i) => ({
      pfn: start / PAGE + i,
      data: data.subarray(i * PAGE, (i + 1) * PAGE),
    })),
  );
  const pages = all.map((_, i) => all[order(i, all.length)] as (typeof all)[number]);
  const entry = index === ".xen_pfn" ? 8 : 16;
  const list = Buffer.alloc(entry * pages.length);
  pages.forEach(({ pfn }, i) => {
    const known = absent?.has(pfn) !== true;
    list.writeBigUInt64LE(known || entry === 16 ? BigInt(pfn) : NO_PAGE, entry * i);
    if (entry === 16) list.writeBigUInt64LE(known ? BigInt(frameOf(pfn)) : NO_PAGE, entry * i + 8);
  });
  const desc = Buffer.alloc(32);
  [
    index === ".xen_p2m" ? 0xf00febedn : 0xf00febeen,
    BigInt(contexts.length),
    BigInt(announced ?? pages.length),
    BigInt(pageSize),
  ].forEach((value, i) => {
    desc.writeBigUInt64LE(value, 8 * i);
  });
  const notes = Buffer.concat([note(0x200_0000, Buffer.alloc(0)), note(0x200_0001, desc)]);
  const sections = [
    { name: "", type: 0, bytes: Buffer.alloc(0) },
    { name: ".shstrtab", type: 3, bytes: Buffer.alloc(0) },
    { name: ".note.Xen", type: 7, bytes: notes },
    ...(contexts.length === 0 ? [] : [{ name: ".xen_prstatus", type: 1, bytes: Buffer.concat(contexts) }]),
    { name: index, type: 1, bytes: list },
    { name: ".xen_pages", type: 1, bytes: Buffer.concat(pages.map(({ data }) => data)) },
  ];
  const names = Buffer.from(sections.map(({ name }) => `${name}\0`).join(""), "latin1");
  const head = Buffer.alloc(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  head.writeUInt16LE(4, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(64n, 40);
  [64, 56, 0, 64, sections.length, 1].forEach((value, i) => {
    head.writeUInt16LE(value, 52 + 2 * i);
  });
  const table = Buffer.alloc(64 * sections.length);
  const parts: Buffer[] = [];
  let at = 64 + table.length;
  let name = 0;
  const place = (i: number, bytes: Buffer) => {
    table.writeBigUInt64LE(BigInt(at), 64 * i + 24);
    table.writeBigUInt64LE(BigInt(bytes.length), 64 * i + 32);
    parts.push(bytes);
    at += bytes.length;
  };
  sections.forEach(({ name: text, type, bytes }, i) => {
    table.writeUInt32LE(name, 64 * i);
    table.writeUInt32LE(type, 64 * i + 4);
    name += text.length + 1;
    if (text === ".xen_pages") parts.push(Buffer.alloc((PAGE - (at % PAGE)) % PAGE));
    if (text === ".xen_pages") at += (PAGE - (at % PAGE)) % PAGE;
    if (i !== 1) place(i, bytes);
  });
  place(1, names);
  return Buffer.concat([head, table, ...parts]);
}

function note(type: number, desc: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(4, 0);
  head.writeUInt32LE(desc.length, 4);
  head.writeUInt32LE(type, 8);
  head.write("Xen\0", 12, "latin1");
  return Buffer.concat([head, desc]);
}

/** A `vcpu_guest_context` of x86-64. */
export function xenContext(values: {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly cr3: bigint;
  readonly rax?: bigint;
  readonly cs?: number;
  /** VGCF_in_kernel is bit 2. */
  readonly flags?: bigint;
  readonly gs?: readonly [kernel: bigint, user: bigint];
}): Buffer {
  const bytes = Buffer.alloc(5168);
  bytes.writeBigUInt64LE(values.flags ?? 0n, 512);
  bytes.writeBigUInt64LE(values.rax ?? 0n, 600);
  bytes.writeBigUInt64LE(values.rip, 648);
  bytes.writeUInt16LE(values.cs ?? 0x10, 656);
  bytes.writeBigUInt64LE(values.rsp, 672);
  bytes.writeBigUInt64LE(values.cr3, 5008);
  const [kernel, user] = values.gs ?? [0n, 0n];
  bytes.writeBigUInt64LE(kernel, 5152);
  bytes.writeBigUInt64LE(user, 5160);
  return bytes;
}
