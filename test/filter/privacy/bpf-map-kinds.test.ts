/** The numbers of the kinds of BPF maps are those that real kernels' types have for their names. */
import { expect, test } from "vitest";
import { BPF_MAP_WALKS } from "../../../src/filter/privacy/bpf-maps.js";
import { openBtf } from "../../../src/kernel/debuginfo/btf.js";
import { describeWithDumps } from "../../support/dumps.js";
import { kernelBtf } from "../../support/kernel-btf.js";

const KINDS = {
  hash: ["HASH", "LRU_HASH", "PERCPU_HASH", "LRU_PERCPU_HASH"],
  array: ["ARRAY", "PERCPU_ARRAY"],
  trie: ["LPM_TRIE"],
  queue: ["QUEUE", "STACK"],
  storage: ["SK_STORAGE", "INODE_STORAGE", "TASK_STORAGE", "CGRP_STORAGE"],
  keys: ["HASH_OF_MAPS"],
  sockets: ["SOCKHASH"],
  cgroups: ["CGROUP_STORAGE", "PERCPU_CGROUP_STORAGE"],
  kernel: [
    ...["PROG_ARRAY", "PERF_EVENT_ARRAY", "STACK_TRACE", "CGROUP_ARRAY", "ARRAY_OF_MAPS", "DEVMAP"],
    ...["SOCKMAP", "CPUMAP", "XSKMAP", "REUSEPORT_SOCKARRAY", "DEVMAP_HASH", "RINGBUF", "USER_RINGBUF"],
    ...["ARENA", "INSN_ARRAY"],
  ],
};

describeWithDumps("kinds of BPF maps", () => {
  test.each([
    ["x86-5.10-tiny", 22],
    ["x86-7.2-tiny", 30],
  ])("%s: at least %i of them have the number of their name", async (name, least) => {
    const types = openBtf(await kernelBtf(name));
    let known = 0;
    for (const [walk, kinds] of Object.entries(KINDS)) {
      for (const kind of kinds) {
        const number = types?.enumerator(`BPF_MAP_TYPE_${kind}`);
        if (number === undefined) continue;
        known++;
        expect(BPF_MAP_WALKS.get(Number(number)), kind).toBe(walk);
      }
    }
    expect(known).toBeGreaterThanOrEqual(least);
    expect(BPF_MAP_WALKS.size).toBe(Object.values(KINDS).flat().length);
  });
});
