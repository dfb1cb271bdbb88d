/** Reading members, lists, text and per-CPU variables out of a few bytes laid out by hand. */
import { describe, expect, test } from "vitest";
import { openBtf } from "../../../src/kernel/debuginfo/btf.js";
import { BTF_KIND } from "../../../src/kernel/debuginfo/btf-format.js";
import { btfTypes } from "../../../src/kernel/debuginfo/btf-types.js";
import type { KernelSymbols } from "../../../src/kernel/debuginfo/kernel-symbols.js";
import type { KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import {
  containerOf,
  readInteger,
  readMember,
  readText,
  walkList,
} from "../../../src/kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../../src/kernel/objects/per-cpu.js";
import { btfImage } from "../../support/btf-image.js";
import { ByteBuffer, type ByteOrder } from "../../support/bytes.js";
import { virtualMemory } from "../../support/virtual-memory.js";

const VADDR = 0xffff_8000_0000_0000n;

/** struct item { int id; unsigned a : 3, b : 9; struct list_head { struct list_head *next, *prev; } list; char name[8]; } */
function itemTypes(byteOrder: ByteOrder): KernelTypes {
  const image = btfImage(
    [
      { kind: BTF_KIND.INT, name: "int", value: 4, words: [32] },
      { kind: BTF_KIND.STRUCT, name: "list_head", vlen: 2, value: 16, words: ["next", 3, 0, "prev", 3, 64] },
      { kind: BTF_KIND.PTR, value: 2 },
      {
        kind: BTF_KIND.STRUCT,
        name: "item",
        vlen: 5,
        value: 32,
        flag: true,
        words: ["id", 1, 0, "a", 1, 3 * 2 ** 24 + 32, "b", 1, 9 * 2 ** 24 + 35, "list", 2, 64, "name", 5, 192],
      },
      { kind: BTF_KIND.ARRAY, words: [6, 1, 8] },
      { kind: BTF_KIND.INT, name: "char", value: 1, words: [8] },
    ],
    { byteOrder },
  );
  return btfTypes(openBtf(image) ?? unreachable(), 8, "a test");
}

function unreachable(): never {
  throw new Error("not opened");
}

function symbolsOf(addresses: Readonly<Record<string, bigint>>): KernelSymbols {
  return {
    source: "a test",
    address: (name) => addresses[name],
    addresses: (name) => [addresses[name]].filter((address) => address !== undefined),
    matching: () => [],
    endingIn: () => [],
    nearest: () => undefined,
  };
}

describe.each<ByteOrder>(["little", "big"])("%s endian", (byteOrder) => {
  const types = itemTypes(byteOrder);
  const out = new ByteBuffer(byteOrder);
  /** Items 0 to 3 at 256, 288 …; the head of their list at 0. */
  const item = (i: number) => VADDR + 256n + BigInt(i * 32);
  out.u64(item(0) + 8n).u64(item(3) + 8n);
  for (let i = 0; i < 4; i++) {
    out.seek(256 + i * 32).u32(1000 + i);
    // a = 5 and b = 300, in the order in which a compiler of this machine fills a word.
    out.u32(byteOrder === "little" ? 5 | (300 << 3) : ((5 << 29) | (300 << 20)) >>> 0);
    out.u64(i === 3 ? VADDR : item(i + 1) + 8n).u64(i === 0 ? VADDR : item(i - 1) + 8n);
    out.text(`item${i}`, 8);
  }
  out.seek(4096).text("x", 1).seek(8192);
  const bytes = out.toBytes();
  const memory = virtualMemory({ vaddr: VADDR, bytes, byteOrder });
  const objects = { memory, types };

  test("members and bit fields", () => {
    expect(readMember(objects, "item", item(1), "id")).toBe(1001n);
    expect(readMember(objects, "item", item(1), "a")).toBe(5n);
    expect(readMember(objects, "item", item(1), "b")).toBe(300n);
    expect(readMember(objects, "item", item(1), "list.next")).toBe(item(2) + 8n);
    expect(readMember(objects, "item", item(1), "name[4]")).toBe(BigInt("1".charCodeAt(0)));
    for (const path of ["list", "name", "nothing"]) {
      expect(readMember(objects, "item", item(1), path), path).toBeUndefined();
    }
    expect(readMember(objects, "item", VADDR + 0x10_0000n, "id")).toBeUndefined();
    expect(containerOf(types, item(2) + 8n, "item", "list")).toBe(item(2));
    expect(readInteger(memory, item(1), 2)).toBe(byteOrder === "little" ? 1001n : 0n);
    expect(readInteger(memory, item(1), 3)).toBeUndefined();
  });

  test("a list from its head to its end", () => {
    const walk = walkList(objects, VADDR, "item", "list", 100);
    expect([...walk]).toEqual([0, 1, 2, 3].map(item));
    expect(endOf(walkList(objects, VADDR, "item", "list", 100))).toBe("end");
  });

  test("a list that is broken ends, and says how", () => {
    const changed = (at: number, value: bigint) => {
      const copy = new ByteBuffer(byteOrder).bytes(bytes).seek(at).u64(value).toBytes();
      return { types, memory: virtualMemory({ vaddr: VADDR, bytes: copy, byteOrder }) };
    };
    const third = 256 + 3 * 32 + 8;
    expect(endOf(walkList(changed(third, item(1) + 8n), VADDR, "item", "list", 100))).toBe("cycle");
    expect(endOf(walkList(changed(third, item(3) + 8n), VADDR, "item", "list", 100))).toBe("cycle");
    expect(endOf(walkList(changed(third, 0x1000n), VADDR, "item", "list", 100))).toBe("unreadable");
    expect(endOf(walkList(objects, VADDR, "item", "list", 3))).toBe("limit");
    expect([...walkList(objects, VADDR, "item", "list", 3)].length).toBe(3);
    expect(endOf(walkList(objects, VADDR, "item", "nothing", 3))).toBe("unreadable");
    expect(endOf(walkList(objects, 0n, "item", "list", 3))).toBe("unreadable");
    // An empty list's head points to itself.
    expect([...walkList(changed(0, VADDR), VADDR, "item", "list", 3)]).toEqual([]);
  });

  test("text up to a zero, a limit, or the end of memory", () => {
    expect(readText(memory, item(2) + 24n, 8)).toBe("item2");
    expect(readText(memory, item(2) + 24n, 3)).toBe("ite");
    expect(readText(memory, VADDR + 0x10_0000n, 8)).toBeUndefined();
    const full = virtualMemory({ vaddr: VADDR, bytes: Buffer.alloc(4096, "x"), byteOrder });
    expect(readText(full, VADDR + 4090n, 100)).toBe("xxxxxx");
  });

  test("per-CPU variables of the CPUs that can be", () => {
    const cpu = new ByteBuffer(byteOrder).u32(70).seek(8).u64(0b101).u64(2);
    cpu
      .seek(64)
      .u64(0x1000)
      .seek(64 + 16)
      .u64(0x2000);
    const symbols = symbolsOf({
      nr_cpu_ids: VADDR,
      __cpu_possible_mask: VADDR + 8n,
      __per_cpu_offset: VADDR + 64n,
    });
    const perCpu = { symbols, memory: virtualMemory({ vaddr: VADDR, bytes: cpu.seek(8192).toBytes(), byteOrder }) };
    expect(possibleCpus(perCpu)).toEqual([0, 2, 65]);
    expect(perCpuAddress(perCpu, VADDR + 0x40n, 0)).toBe(VADDR + 0x1040n);
    expect(perCpuAddress(perCpu, VADDR + 0x40n, 2)).toBe(VADDR + 0x2040n);
    for (const number of [-1, 0.5, 100_000]) expect(perCpuAddress(perCpu, VADDR, number)).toBeUndefined();
    const single = { symbols: symbolsOf({ init_task: VADDR }), memory };
    expect(possibleCpus(single)).toEqual([0]);
    expect(perCpuAddress(single, VADDR + 8n, 0)).toBe(VADDR + 8n);
    expect(perCpuAddress(single, VADDR + 8n, 1)).toBeUndefined();
    expect(possibleCpus({ symbols: symbolsOf({}), memory })).toBeUndefined();
  });
});

function endOf(walk: ReturnType<typeof walkList>): string {
  for (;;) {
    const step = walk.next();
    if (step.done === true) return step.value;
  }
}
