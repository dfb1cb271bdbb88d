/** ELF files with sections, as linkers write them: programs, kernels, their debug files. */
import { ByteBuffer, type ByteOrder } from "./bytes.js";

export interface ProgramSection {
  readonly name: string;
  /** sh_type; default 1, PROGBITS. */
  readonly type?: number;
  readonly flags?: number;
  readonly addr?: bigint;
  readonly data?: Uint8Array;
  /** Default: the size of `data`. */
  readonly size?: number;
  /** Name of the section that sh_link is to lead to. */
  readonly link?: string;
}

export interface ProgramSymbol {
  readonly name: string;
  readonly address: bigint;
  readonly size?: number;
}

export interface ProgramOptions {
  readonly class?: 32 | 64;
  readonly byteOrder?: ByteOrder;
  /** e_machine; default x86-64. */
  readonly machine?: number;
  /** e_type; default 2, EXEC. */
  readonly type?: number;
  readonly sections: readonly ProgramSection[];
  /** .symtab and .strtab; none if undefined. */
  readonly symbols?: readonly ProgramSymbol[];
}

/** More sections than 16 bits count are told in section header 0. */
const SHN_LORESERVE = 0xff00;

export function elfProgram(options: ProgramOptions): Uint8Array {
  const { byteOrder = "little", machine = 62, type = 2 } = options;
  const wide = (options.class ?? 64) === 64;
  const buffer = () => new ByteBuffer(byteOrder);
  const word = (into: ByteBuffer, value: bigint | number) => (wide ? into.u64(value) : into.u32(Number(value)));
  const sections: ProgramSection[] = [{ name: "", type: 0 }, ...options.sections];
  if (options.symbols !== undefined) {
    const names = buffer().u8(0);
    const table = buffer().bytes(new Uint8Array(wide ? 24 : 16));
    for (const { name, address, size = 0 } of options.symbols) {
      table.u32(names.length);
      names.bytes(Buffer.from(`${name}\0`, "latin1"));
      // A global object of section 1.
      if (wide) table.u8(0x11).u8(0).u16(1).u64(address).u64(size);
      else table.u32(Number(address)).u32(size).u8(0x11).u8(0).u16(1);
    }
    sections.push({ name: ".symtab", type: 2, data: table.toBytes(), link: ".strtab" });
    sections.push({ name: ".strtab", type: 3, data: names.toBytes() });
  }
  sections.push({ name: ".shstrtab", type: 3 });
  const names = buffer();
  const nameAt = sections.map(({ name }) => {
    const at = names.length;
    names.bytes(Buffer.from(`${name}\0`, "latin1"));
    return at;
  });
  const contents = sections.map(({ name, data }) =>
    name === ".shstrtab" ? names.toBytes() : (data ?? new Uint8Array(0)),
  );
  const headerSize = wide ? 64 : 52;
  const sectionSize = wide ? 64 : 40;
  let offset = headerSize;
  const offsets = contents.map(({ length }) => {
    const at = offset;
    offset += length;
    return at;
  });
  const many = sections.length >= SHN_LORESERVE;
  const file = buffer();
  file.bytes(
    Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, byteOrder === "little" ? 1 : 2, 1, ...Array(9).fill(0)]),
  );
  file.u16(type).u16(machine).u32(1);
  word(file, 0);
  word(file, 0);
  word(file, offset);
  file.u32(0).u16(headerSize).u16(0).u16(0).u16(sectionSize);
  file.u16(many ? 0 : sections.length).u16(many ? 0xffff : sections.length - 1);
  for (const data of contents) file.bytes(data);
  sections.forEach(({ type: kind = 1, flags = 0, addr = 0n, size, link }, i) => {
    file.u32(nameAt[i] as number).u32(kind);
    word(file, flags);
    word(file, addr);
    word(file, offsets[i] as number);
    word(file, i === 0 && many ? sections.length : (size ?? (contents[i] as Uint8Array).length));
    const linked = link === undefined ? 0 : sections.findIndex(({ name }) => name === link);
    file.u32(i === 0 && many ? sections.length - 1 : linked).u32(0);
    word(file, 1);
    word(file, 0);
  });
  return file.toBytes();
}
