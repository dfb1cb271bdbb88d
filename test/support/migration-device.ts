/** State of a device in a migration stream, and its description: both from one list of fields. */
import { ByteBuffer, type Integer } from "./bytes.js";
import type { StreamDevice } from "./migration-stream.js";

/** A field: bytes of an element, and its elements. */
export type DeviceField =
  | {
      readonly name: string;
      readonly size: 1 | 2 | 4 | 8;
      readonly values: readonly Integer[];
      readonly index?: number;
    }
  /** Elements of one form. */
  | { readonly name: string; readonly each: readonly (readonly DeviceField[])[] }
  /** A temporary struct: its fields are described in itself. */
  | { readonly name: string; readonly temporary: readonly DeviceField[] };

export interface BuiltDevice {
  readonly section: StreamDevice;
  readonly described: object;
}

/** A device with fields, and subsections behind them. */
export function buildDevice(
  name: string,
  instance: number,
  fields: readonly DeviceField[],
  subsections: Readonly<Record<string, readonly DeviceField[]>> = {},
): BuiltDevice {
  const out = new ByteBuffer("big");
  writeFields(out, fields);
  const parts = Object.entries(subsections);
  for (const [part, list] of parts) {
    out.u8(5).u8(part.length).text(part, part.length).u32(1);
    writeFields(out, list);
  }
  const described = {
    ...{ name, instance_id: instance, vmsd_name: name, version: 1, fields: fields.map(describe) },
    ...(parts.length > 0 && {
      subsections: parts.map(([part, list]) => ({ vmsd_name: part, version: 1, fields: list.map(describe) })),
    }),
  };
  return { section: { name, instance, data: out.toBytes() }, described };
}

function writeFields(out: ByteBuffer, fields: readonly DeviceField[]): void {
  for (const field of fields) {
    if ("each" in field) for (const element of field.each) writeFields(out, element);
    else if ("temporary" in field) writeFields(out, field.temporary);
    else for (const value of field.values) writeValue(out, field.size, value);
  }
}

function writeValue(out: ByteBuffer, size: 1 | 2 | 4 | 8, value: Integer): void {
  if (size === 1) out.u8(Number(value));
  else if (size === 2) out.u16(Number(value));
  else if (size === 4) out.u32(value);
  else out.u64(value);
}

function describe(field: DeviceField): object {
  const { name } = field;
  if ("temporary" in field)
    return { name, type: "tmp", vmsd_name: `${name}_tmp`, fields: field.temporary.map(describe) };
  if ("each" in field) {
    const [first = []] = field.each;
    const struct = { vmsd_name: name, version: 1, fields: first.map(describe) };
    return { name, type: "struct", struct, ...(field.each.length > 1 && { array_len: field.each.length }) };
  }
  const { size, values, index } = field;
  const more = { ...(values.length > 1 && { array_len: values.length }), ...(index !== undefined && { index }) };
  return { name, type: `uint${8 * size}`, size, ...more };
}

/** The registers of a CPU of x86-64 as QEMU saves them, each of its own value: `salt` and a number. */
export function x86Cpu(instance: number, salt: bigint, longMode = true): BuiltDevice {
  const segment = (n: number): DeviceField[] => [
    { name: "selector", size: 4, values: [0x100 + n] },
    { name: "base", size: 8, values: [salt * 0x1000n + BigInt(n)] },
    { name: "limit", size: 4, values: [0x1000 + n] },
    { name: "flags", size: 4, values: [0xa09b00 + n] },
  ];
  return buildDevice(
    "cpu",
    instance,
    [
      { name: "env.regs", size: 8, values: Array.from({ length: 16 }, (_, i) => salt + BigInt(i)) },
      { name: "env.eip", size: 8, values: [salt + 16n] },
      { name: "env.eflags", size: 8, values: [0x246] },
      {
        name: "env.fpregs",
        each: [1, 2].map((n) => [{ name: "tmp", temporary: [{ name: "mant", size: 8, values: [n] }] }]),
      },
      { name: "env.segs", each: [0, 1, 2, 3, 4, 5].map(segment) },
      ...["ldt", "tr", "gdt", "idt"].map((name, i): DeviceField => ({ name: `env.${name}`, each: [segment(6 + i)] })),
      ...[0, 2, 3, 4].map((n): DeviceField => ({ name: `env.cr[${n}]`, size: 8, values: [salt * 0x100n + BigInt(n)] })),
      { name: "env.efer", size: 8, values: [longMode ? 0xd01 : 0] },
      { name: "env.kernelgsbase", size: 8, values: [salt + 99n] },
    ],
    { "cpu/pkru": [{ name: "env.pkru", size: 4, values: [7] }] },
  );
}
