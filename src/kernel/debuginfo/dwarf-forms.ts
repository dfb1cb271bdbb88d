import type { DwarfCursor } from "./dwarf-cursor.js";
import { FORM, OP_PLUS_UCONST } from "./dwarf-format.js";

/** Sizes of one unit that forms depend on. */
export interface FormSizes {
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
}

/** Bytes of forms whose size is fixed. */
const FIXED: ReadonlyMap<number, number> = new Map<number, number>([
  [FORM.DATA1, 1],
  [FORM.DATA2, 2],
  [FORM.DATA4, 4],
  [FORM.DATA8, 8],
  [FORM.DATA16, 16],
  [FORM.FLAG, 1],
  [FORM.FLAG_PRESENT, 0],
  [FORM.IMPLICIT_CONST, 0],
  [FORM.REF1, 1],
  [FORM.REF2, 2],
  [FORM.REF4, 4],
  [FORM.REF8, 8],
  [FORM.REF_SIG8, 8],
  [FORM.REF_SUP4, 4],
  [FORM.REF_SUP8, 8],
  [FORM.STRX1, 1],
  [FORM.STRX2, 2],
  [FORM.STRX3, 3],
  [FORM.STRX4, 4],
  [FORM.ADDRX1, 1],
  [FORM.ADDRX2, 2],
  [FORM.ADDRX3, 3],
  [FORM.ADDRX4, 4],
]);

/** Skips an attribute's value. Throws `CORRUPT` for unknown forms, because their length is not known. */
export function skipForm(cursor: DwarfCursor, form: number, sizes: FormSizes): void {
  const fixed = FIXED.get(form);
  if (fixed !== undefined) {
    cursor.skip(fixed);
    return;
  }
  switch (form) {
    case FORM.ADDR:
      cursor.skip(sizes.addressSize);
      return;
    case FORM.STRP:
    case FORM.LINE_STRP:
    case FORM.SEC_OFFSET:
    case FORM.STRP_SUP:
    case FORM.GNU_REF_ALT:
    case FORM.GNU_STRP_ALT:
      cursor.skip(sizes.offsetSize);
      return;
    case FORM.REF_ADDR:
      cursor.skip(sizes.version < 3 ? sizes.addressSize : sizes.offsetSize);
      return;
    case FORM.STRING:
      cursor.skipText();
      return;
    case FORM.SDATA:
    case FORM.UDATA:
    case FORM.REF_UDATA:
    case FORM.STRX:
    case FORM.ADDRX:
    case FORM.LOCLISTX:
    case FORM.RNGLISTX:
    case FORM.GNU_ADDR_INDEX:
    case FORM.GNU_STR_INDEX:
      cursor.uleb();
      return;
    case FORM.INDIRECT:
      skipForm(cursor, directForm(cursor), sizes);
      return;
    default:
      cursor.skip(blockLength(cursor, form));
  }
}

/** The form that DW_FORM_indirect names; it must not be DW_FORM_indirect again, or a constant without a value. */
export function directForm(cursor: DwarfCursor): number {
  const form = cursor.uleb();
  if (form === FORM.INDIRECT || form === FORM.IMPLICIT_CONST) throw cursor.corrupt("has an indirect form of no value");
  return form;
}

function blockLength(cursor: DwarfCursor, form: number): number {
  switch (form) {
    case FORM.BLOCK1:
      return cursor.u8();
    case FORM.BLOCK2:
      return cursor.u16();
    case FORM.BLOCK4:
      return cursor.u32();
    case FORM.BLOCK:
    case FORM.EXPRLOC:
      return cursor.uleb();
    default:
      throw cursor.corrupt(`has an attribute of form 0x${form.toString(16)}, which is not known`);
  }
}

/**
 * An attribute's value as a number of 64 bits; `undefined` if it is not a number. Constants of a fixed size have no
 * sign of their own: they are read as unsigned ones. A block must be an expression that adds a constant.
 */
export function readConstant(
  cursor: DwarfCursor,
  form: number,
  implicit: bigint,
  sizes: FormSizes,
): bigint | undefined {
  switch (form) {
    case FORM.DATA1:
    case FORM.FLAG:
      return BigInt(cursor.u8());
    case FORM.DATA2:
      return BigInt(cursor.u16());
    case FORM.DATA4:
      return BigInt(cursor.u32());
    case FORM.DATA8:
      return cursor.u64();
    case FORM.SDATA:
      return cursor.bigLeb(true);
    case FORM.UDATA:
      return cursor.bigLeb(false);
    case FORM.SEC_OFFSET:
      return BigInt(cursor.offset(sizes.offsetSize));
    case FORM.IMPLICIT_CONST:
      return implicit;
    case FORM.FLAG_PRESENT:
      return 1n;
    case FORM.INDIRECT:
      return readConstant(cursor, directForm(cursor), 0n, sizes);
    case FORM.BLOCK:
    case FORM.BLOCK1:
    case FORM.BLOCK2:
    case FORM.BLOCK4:
    case FORM.EXPRLOC: {
      const end = blockLength(cursor, form) + cursor.pos;
      const isSum = end > cursor.pos && cursor.bytes[cursor.pos] === OP_PLUS_UCONST;
      const start = cursor.skip(end - cursor.pos);
      if (!isSum) return undefined;
      cursor.pos = start + 1;
      const value = cursor.bigLeb(false);
      const whole = cursor.pos === end;
      cursor.pos = end;
      return whole ? value : undefined;
    }
    default:
      skipForm(cursor, form, sizes);
      return undefined;
  }
}
