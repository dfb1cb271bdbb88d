import type { Btf, BtfType } from "./btf.js";
import { BTF_KIND } from "./btf-format.js";

/** A member as it is stored in BTF. */
export interface RawMember {
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** First bit, from the start of the struct. */
  readonly bit: number;
  /** Width of a bit field. */
  readonly bits: number | undefined;
}

const MEMBER_SIZE = 12;

/** The direct members of a struct or union in order. */
export function* btfMembers(btf: Btf, type: BtfType): Generator<RawMember> {
  for (let i = 0; i < type.vlen; i++) {
    const at = type.at + i * MEMBER_SIZE;
    const name = btf.string(type.view.getUint32(at, btf.littleEndian));
    const id = type.view.getUint32(at + 4, btf.littleEndian);
    const offset = type.view.getUint32(at + 8, btf.littleEndian);
    if (type.kindFlag) {
      // Since 5.0: the width in the upper 8 bits, 0 for a member that is not a bit field.
      const bits = offset >>> 24;
      yield { name, type: id, bit: offset & 0xffffff, bits: bits === 0 ? undefined : bits };
    } else {
      yield { name, type: id, ...withoutFlag(btf, id, offset) };
    }
  }
}

/** Without the flag, a bit field has the width of its integer type, which is then narrower than its bytes. */
function withoutFlag(btf: Btf, id: number, bit: number): Pick<RawMember, "bit" | "bits"> {
  const type = btf.type(id);
  if (type?.kind !== BTF_KIND.INT) return { bit, bits: undefined };
  const encoding = type.view.getUint32(type.at, btf.littleEndian);
  const width = encoding & 0xff;
  const first = bit + ((encoding >>> 16) & 0xff);
  if (first % 8 === 0 && width === type.sizeOrType * 8) return { bit, bits: undefined };
  return { bit: first, bits: width };
}
