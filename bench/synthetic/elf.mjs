const HEADER = 64;
const PROGRAM_HEADER = 56;
const PAGE = 4096;
/** Where the direct map of all memory begins in a kernel without KASLR and with 4 levels of page tables. */
export const DIRECT_MAP = 0xffff_8880_0000_0000n;

/** The head of an ELF64 vmcore: header, program headers, notes. Segments' offsets count from `dataStart`. */
export function elfHead({ notes, segments }) {
  const notesAt = HEADER + PROGRAM_HEADER * (segments.length + 1);
  const dataStart = Math.ceil((notesAt + notes.length) / PAGE) * PAGE;
  const head = Buffer.alloc(notesAt + notes.length);
  head.write("\x7fELF\x02\x01\x01", 0, "latin1");
  head.writeUInt16LE(4, 16); // ET_CORE
  head.writeUInt16LE(62, 18); // x86-64
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(HEADER), 32);
  head.writeUInt16LE(HEADER, 52);
  head.writeUInt16LE(PROGRAM_HEADER, 54);
  head.writeUInt16LE(segments.length + 1, 56);
  const put = (index, type, flags, ...words) => {
    const at = HEADER + index * PROGRAM_HEADER;
    head.writeUInt32LE(type, at);
    head.writeUInt32LE(flags, at + 4);
    words.forEach((word, i) => {
      head.writeBigUInt64LE(BigInt(word), at + 8 + 8 * i);
    });
  };
  put(0, 4, 0, notesAt, 0, 0, notes.length, notes.length, 0);
  for (const [i, { paddr, size, offset }] of segments.entries()) {
    put(i + 1, 1, 7, dataStart + offset, DIRECT_MAP + BigInt(paddr), paddr, size, size, 0);
  }
  notes.copy(head, notesAt);
  return { head, dataStart };
}

/** An ELF note. */
export function note(name, type, desc) {
  const pad = (n) => Math.ceil(n / 4) * 4;
  const bytes = Buffer.alloc(12 + pad(name.length + 1) + pad(desc.length));
  bytes.writeUInt32LE(name.length + 1, 0);
  bytes.writeUInt32LE(desc.length, 4);
  bytes.writeUInt32LE(type, 8);
  bytes.write(name, 12, "latin1");
  Buffer.from(desc).copy(bytes, 12 + pad(name.length + 1));
  return bytes;
}
