/** Memory of virtio-mem devices, whose address and plugged parts newer QEMUs write before all memory. */
import { describe, expect, test } from "vitest";
import { ByteBuffer, noiseBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { buildMigration, type StreamOptions } from "../../support/migration-stream.js";
import { pageOf, withDump } from "../../support/open.js";

const PAGE = 4096;
const MiB = 2 ** 20;
const folder = temporaryFolder();
const DEVICE = "0000:00:03.0";
const GIB4 = 2 ** 32;

interface Device {
  readonly address?: number;
  readonly length?: number;
  readonly unit?: number;
  readonly size?: number;
  /** Units that are plugged in. */
  readonly plugged?: readonly number[];
  readonly words?: number;
}

/** As QEMU 11.1 writes it. */
function section({ address = GIB4, length = 160 * MiB, unit = 2 * MiB, ...rest }: Device = {}): Uint8Array {
  const { plugged = [0, 1, 3, 70], words = Math.ceil(length / unit / 64) } = rest;
  const out = new ByteBuffer("big");
  out.u64(address).u64(length).u64(unit).u32(0);
  out.u64(rest.size ?? plugged.length * unit);
  for (let word = 0; word < words; word++) {
    out.u64(plugged.filter((bit) => bit >> 6 === word).reduce((all, bit) => all | (1n << BigInt(bit & 63)), 0n));
  }
  return out.toBytes();
}

const content = noiseBytes(7, PAGE);
const block = `${DEVICE}/mem1`;
const stream = (data: Uint8Array, more: Partial<StreamOptions> = {}) =>
  buildMigration({
    machine: "pc-q35-11.1",
    blocks: [
      { name: block, length: 160 * MiB },
      { name: "pc.ram", length: 64 * PAGE },
    ],
    parts: [
      [
        { page: 512 * 70 + 3, data: content, block },
        { page: 5, data: noiseBytes(5, PAGE), block: "pc.ram" },
      ],
    ],
    early: [
      { name: "0000:00:02.0/other-device-early", data: noiseBytes(3, 90) },
      { name: `${DEVICE}/virtio-mem-device-early`, data },
    ],
    ...more,
  });

test("what is plugged in lies at its address; the rest of the device's block is no memory", () => {
  withDump(folder, stream(section()), (dump, warnings) => {
    const at = (unit: number) => GIB4 + unit * 2 * MiB;
    expect(dump.ranges).toEqual([
      { start: 0, end: 64 * PAGE },
      { start: at(0), end: at(2) },
      { start: at(3), end: at(4) },
      { start: at(70), end: at(71) },
    ]);
    expect(pageOf(dump, at(70) / PAGE + 3).equals(Buffer.from(content))).toBe(true);
    expect(pageOf(dump, 5).equals(Buffer.from(noiseBytes(5, PAGE)))).toBe(true);
    // Never sent: zeros.
    expect(pageOf(dump, at(3) / PAGE).equals(Buffer.alloc(PAGE))).toBe(true);
    expect(warnings.list.map(({ code }) => code)).not.toContain("UNPLACED_MEMORY");
  });
});

describe("a section that does not fit: the memory is left out, and that is said", () => {
  test.each<[string, Device, Partial<StreamOptions>?]>([
    ["units of 0 bytes", { unit: 0, words: 2, size: 0 }],
    ["units of no whole number", { unit: 3 * MiB, words: 1 }],
    ["an address between units", { address: GIB4 + PAGE }],
    ["an address beyond all machines", { address: 2 ** 50 }],
    ["another length than its block", { length: 162 * MiB }],
    ["another size than its bits", { size: 4096 }],
    ["bytes behind its bits", { words: 4 }],
    ["too few bits", { words: 1 }],
    ["more units than are read", { length: 2 ** 50, unit: 1, words: 2 }],
    [
      "the section of another device",
      {},
      { early: [{ name: "0000:00:09.0/virtio-mem-device-early", data: section() }] },
    ],
  ])("%s", (_, device, more) => {
    withDump(folder, stream(section(device), more), (dump, warnings) => {
      expect(dump.ranges).toEqual([{ start: 0, end: 64 * PAGE }]);
      expect(pageOf(dump, 5).equals(Buffer.from(noiseBytes(5, PAGE)))).toBe(true);
      expect(warnings.list).toMatchObject([{ code: "UNPLACED_MEMORY", count: 1 }]);
    });
  });
});

test("memory of a device over the machine's own: the machine's counts", () => {
  withDump(folder, stream(section({ address: 0 })), (dump) => {
    expect(pageOf(dump, 5).equals(Buffer.from(noiseBytes(5, PAGE)))).toBe(true);
  });
});
