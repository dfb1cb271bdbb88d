/** A log of a few pages may claim to have millions of records, or the same text again and again: it is read as far as a ring may go. */
import { expect, test } from "vitest";
import type { KernelMemory } from "../../../src/kernel/kernel-memory.js";
import { logPlaces } from "../../../src/kernel/log/log-places.js";
import { mostLog } from "../../../src/kernel/log/log-record.js";
import { readRingBuffer } from "../../../src/kernel/log/ring-buffer.js";
import { parseVmcoreinfo } from "../../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../../src/warnings.js";

const [PRB, RING, DESCS, INFOS, DATA] = [0x1000n, 0x2000n, 0x1_0000_0000n, 0x2_0000_0000n, 0x3_0000_0000n];
const FINALIZED = 2n << 62n;
const DESC = 24;

interface Claims {
  readonly countBits: number;
  readonly sizeBits: number;
  readonly head: bigint;
  /** Records that are there, from the newest on. */
  readonly there: number;
  /** Bytes of text of each, all in the same place. */
  readonly length: number;
}

/** A ring's memory, made where it is read; counts reads of slots. */
function ringOf({ countBits, sizeBits, head, there, length }: Claims) {
  const counted = { slots: 0 };
  const words = new Map<bigint, bigint>([
    [PRB, RING],
    [RING, BigInt(countBits)],
    [RING + 8n, DESCS],
    [RING + 16n, INFOS],
    [RING + 24n, head],
    [RING + 32n, 0n],
    [RING + 48n, BigInt(sizeBits)],
    [RING + 56n, DATA],
  ]);
  const memory: KernelMemory = {
    info: parseVmcoreinfo(`SYMBOL(prb)=${PRB.toString(16)}\n`, new Warnings()),
    ...{ wordSize: 8, littleEndian: true, pageSize: 4096 },
    isKernelAddress: (address) => address !== 0n,
    readWord: (address) => words.get(address),
    readView(address, size) {
      const view = new DataView(new ArrayBuffer(size));
      if (words.has(address)) {
        view.setUint32(0, Number(words.get(address)), true);
        return view;
      }
      if (address >= DESCS && address < INFOS) {
        counted.slots++;
        const slot = (address - DESCS) / BigInt(DESC);
        const id = head - ((head - slot) & (2n ** BigInt(countBits) - 1n));
        if (head - id >= BigInt(there)) return undefined;
        view.setBigUint64(0, FINALIZED | id, true);
        view.setBigUint64(16, BigInt(length + 8), true);
      }
      if (address >= INFOS && address < DATA) view.setUint16(16, length, true);
      return view;
    },
  };
  return { memory, counted, read: (most = mostLog()) => readRingBuffer(memory, false, most) };
}

test("slots that are not in the dump: the newest records are read, and not all millions of slots", () => {
  const { counted, read } = ringOf({ countBits: 26, sizeBits: 31, head: 2n ** 27n, there: 10, length: 100 });
  const log = read();
  expect(log?.records.length).toBe(10);
  expect(counted.slots).toBe(10 + 2 ** 16);
  expect(log?.unreadable).toBe(2 ** 16);
});

test("records that share their text: no more of it than the ring has room for", () => {
  const { read } = ringOf({ countBits: 15, sizeBits: 16, head: 2n ** 15n - 1n, there: 2 ** 15, length: 1000 });
  const log = read();
  expect(log?.records.length).toBe(65);
  expect(log?.unreadable).toBe(2 ** 15 - 65);
});

test("a ring of gigabytes in a small file", () => {
  expect([mostLog(), mostLog(1000), mostLog(2 ** 20)]).toEqual([2 ** 31, 2 ** 25, 2 ** 26]);
  const { read } = ringOf({ countBits: 17, sizeBits: 31, head: 2n ** 17n - 1n, there: 2 ** 17, length: 10_000 });
  expect(read(mostLog(1000))?.records.length).toBe(3355);
});

test.each([
  ["a log", 8, { address: INFOS + 24n, bytes: 64, repeat: { every: 88, count: 2 ** 8 } }],
  ["log_buf_len=64M", 21, { address: INFOS + 24n, bytes: 64, repeat: { every: 88, count: 2 ** 21 } }],
  ["a ring that claims 67 million records", 26, { address: INFOS, bytes: 88 * 2 ** 26 }],
])("names of devices, %s: records stay beside them as far as a ring may go", (_, countBits, names) => {
  const { memory } = ringOf({ countBits, sizeBits: 13, head: 1n, there: 1, length: 8 });
  const text = `SYMBOL(prb)=${PRB.toString(16)}\nSIZE(printk_info)=88\nOFFSET(printk_info.dev_info)=24\n`;
  const texts = logPlaces({ ...memory, info: parseVmcoreinfo(text, new Warnings()) })?.texts;
  expect(texts).toEqual([{ address: DATA, bytes: 2 ** 13 }, names]);
});
