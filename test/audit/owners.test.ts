/** Whose the pages are in which an audit finds texts: in real dumps, with and without types, and in damaged ones. */
import { describe, expect, test } from "vitest";
import { auditDump } from "../../src/audit/audit-dump.js";
import type { PagePlace } from "../../src/audit/audit-result.js";
import { describeOwner, type PageOwner } from "../../src/audit/page-owner.js";
import type { Dump } from "../../src/reader/dump.js";
import { openDump } from "../../src/reader/open.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { isInPage, secretsOf } from "./support.js";

/** The mark at the end of every kernel stack, as it stands in memory of a little-endian machine. */
const STACK_MARK = "hex:9d6eac5700000000";

const TEXTS = [
  ...["USERCANARY-anon", "USERCANARY-lock", "CACHECANARY-tmpf", "CACHECANARY-ext4", "CACHECANARY-shm_"],
  ...["Command line: ", "virtio_blk.", "workload", "FREECANARY-page", STACK_MARK],
];

async function places(dump: Dump): Promise<(PagePlace & { text: string })[]> {
  const result = await auditDump(dump, { secrets: secretsOf(TEXTS), mostPlaces: 20_000 });
  return result.places.filter(isInPage).map((place) => ({ ...place, text: TEXTS[place.line - 1] as string }));
}

/** The owners of the pages of one kind that have a text, each once. */
function owners(all: Awaited<ReturnType<typeof places>>, text: string, kind?: string): (PageOwner | undefined)[] {
  const found = all.filter((place) => place.text === text && (kind === undefined || place.kind === kind));
  return [...new Map(found.map(({ owner }) => [JSON.stringify(owner), owner])).values()];
}

describeWithDumps("owners", () => {
  test("Debian 6.12, which has symbols and types: files, processes, caches, modules, stacks, the log", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const dump = openDump(vmcore);
    const all = await places(dump);
    dump.close();
    const ext4 = owners(all, "CACHECANARY-ext4", "cache");
    expect(ext4).toMatchObject([{ what: "file", fileSystem: "ext4", path: "/canary.bin" }]);
    expect((ext4[0] as { inode: number }).inode).toBeGreaterThan(10);
    expect((ext4[0] as { device: string }).device).toMatch(/^25[0-9]:\d+$/);
    const tmpfs = owners(all, "CACHECANARY-tmpf", "shmem");
    expect(tmpfs).toContainEqual(expect.objectContaining({ what: "file", fileSystem: "tmpfs", path: "/tmpf" }));
    // The program that wrote the text has it too: it is in the first root file system.
    expect(tmpfs).toContainEqual(expect.objectContaining({ fileSystem: "rootfs", path: "/workload" }));
    expect(owners(all, "CACHECANARY-shm_", "shmem")).toContainEqual(expect.objectContaining({ fileSystem: "tmpfs" }));
    for (const text of ["USERCANARY-anon", "USERCANARY-lock"]) {
      for (const owner of owners(all, text, "anon")) expect(owner, text).toMatchObject({ command: "workload" });
    }
    expect(owners(all, "workload", "slab")).toContainEqual({ what: "slab", cache: "task_struct" });
    expect(owners(all, "Command line: ", "reserved")).toContainEqual({ what: "kernel log" });
    expect(owners(all, "virtio_blk.", "kernel")).toContainEqual({ what: "module", name: "virtio_blk" });
    // What is free is nobody's.
    const free = all.filter(({ kind }) => kind === "free" || kind === "pcp-free");
    expect(free.filter(({ owner }) => owner !== undefined)).toEqual([]);
    const stacks = owners(all, STACK_MARK, "kernel").filter((owner) => owner?.what === "kernel stack");
    expect(stacks).toContainEqual(expect.objectContaining({ pid: 1 }));
    expect(stacks).toContainEqual(expect.objectContaining({ pid: 2, command: "kthreadd" }));
    expect(stacks.length).toBeGreaterThan(30);
  });

  test("Debian 7.2: a page that is not the first of its slab, of which only the first names the cache", async () => {
    const { vmcore } = await realDump("x86-7.2-tiny");
    const dump = openDump(vmcore);
    const all = await places(dump);
    dump.close();
    const inSlabs = all.filter(({ kind }) => kind === "slab");
    expect(inSlabs.length).toBeGreaterThan(3);
    expect(inSlabs.filter(({ owner }) => owner === undefined)).toEqual([]);
  });

  test("a kernel without types: what page tables show is told, the rest left out", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const dump = openDump(vmcore);
    const all = await places(dump);
    dump.close();
    const kinds = new Set(all.map(({ owner }) => owner?.what));
    expect([...kinds].filter((what) => what === "slab" || what === "file" || what === "process")).toEqual([]);
    expect(owners(all, STACK_MARK, "kernel")).toContainEqual({ what: "kernel stack" });
    for (const { kind, mapping } of all) if (kind === "anon") expect(mapping).toMatch(/^0x/);
  });

  test("damaged objects lead nowhere, and not astray", async () => {
    const seed = 1;
    const { vmcore } = await realDump("x86-6.12-tiny");
    const dump = openDump(vmcore);
    const right = await places(dump);
    // Every 61st word of the pages of caches is another: pointers, lengths, names.
    const slabs = new Set(right.filter(({ kind }) => kind === "slab").map(({ pfn }) => pfn));
    const read = dump.memory.read.bind(dump.memory);
    const memory: Dump["memory"] = {
      ...dump.memory,
      next: dump.memory.next.bind(dump.memory),
      read(into, paddr) {
        const n = read(into, paddr);
        for (let at = 0; at + 8 <= n; at++) {
          const place = paddr + at;
          if (place % 8 !== 0 || (place / 8 + seed) % 61 !== 0 || !slabs.has(Math.floor(place / dump.pageSize)))
            continue;
          const from = (place * 31 + seed * 8) % 4096;
          into.fill(from & 0xff, at, at + 3);
        }
        return n;
      },
    };
    const wrong = await places({ ...dump, memory });
    dump.close();
    expect(wrong.length).toBeGreaterThan(right.length / 2);
  });
});

describe("in words", () => {
  test.each<[PageOwner, string]>([
    [{ what: "slab", cache: "dentry" }, "cache dentry"],
    [{ what: "file", inode: 12, device: "254:0", fileSystem: "ext4", path: "/a" }, "file /a (inode 12 of ext4 254:0)"],
    [{ what: "file", inode: 12 }, "file without a name (inode 12)"],
    [{ what: "process", pid: 7, command: "sh", others: 0 }, "process 7 (sh)"],
    [{ what: "process", pid: 7, command: "sh", others: 1 }, "process 7 (sh), or 1 other area"],
    [{ what: "kernel stack", pid: 2, command: "kthreadd" }, "kernel stack of 2 (kthreadd)"],
    [{ what: "kernel stack" }, "kernel stack"],
    [{ what: "module", name: "dm_crypt" }, "module dm_crypt"],
    [{ what: "module" }, "a module"],
    [{ what: "kernel image", symbol: "linux_banner+0x8" }, "kernel image, linux_banner+0x8"],
    [{ what: "per-CPU memory", cpu: 3, symbol: "runqueues" }, "per-CPU memory of CPU 3, runqueues"],
    [{ what: "per-CPU memory" }, "per-CPU memory"],
    [{ what: "vmalloc", address: "0xffffc90000000000" }, "vmalloc 0xffffc90000000000"],
    [{ what: "kernel log" }, "kernel log"],
  ])("%j", (owner, text) => expect(describeOwner(owner)).toBe(text));
});
