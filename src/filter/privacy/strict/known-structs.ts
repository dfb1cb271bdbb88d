import { nodeAddresses } from "../../../kernel/nodes.js";
import { type KernelObjects, readMember } from "../../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../../kernel/objects/per-cpu.js";
import { netDevices } from "../large-objects.js";
import type { KnownObjects } from "./known-objects.js";

/**
 * Per-CPU variables whose numbers debuggers show, with their types, which otherwise only the kernel's own DWARF or BTF
 * contains.
 */
const PER_CPU: Readonly<Record<string, string>> = {
  runqueues: "struct rq",
  timer_bases: "struct timer_base[2]",
  hrtimer_bases: "struct hrtimer_cpu_base",
  kernel_cpustat: "struct kernel_cpustat",
  kstat: "struct kernel_stat",
  tick_cpu_sched: "struct tick_sched",
  tick_cpu_device: "struct tick_device",
  vm_event_states: "struct vm_event_state",
  cpu_info: "struct cpuinfo_x86",
  rcu_data: "struct rcu_data",
};

const MAX_ELEMENTS = 64;
const MAX_PRIVATE = 64 << 20;

/** Adds single objects with known types: memory nodes with their counters, per-CPU variables, network devices. */
export function knownStructs(kernel: KernelObjects, known: KnownObjects): void {
  for (const node of nodeAddresses(kernel.memory)) known.object("struct pglist_data", node);
  perCpuVariables(kernel, known);
  for (const device of netDevices(kernel)) {
    const own = Number(readMember(kernel, "net_device", device, "priv_len") ?? 0n);
    const size = kernel.types.sizeOf("net_device") ?? 0;
    if (own <= MAX_PRIVATE) known.object("struct net_device", device, size);
  }
}

function perCpuVariables(kernel: KernelObjects, known: KnownObjects): void {
  const cpus = possibleCpus(kernel) ?? [];
  for (const [name, usual] of Object.entries(PER_CPU)) {
    const symbol = kernel.symbols.address(name);
    if (symbol === undefined) continue;
    const text = kernel.types.variable(name) ?? usual;
    const [, type = "", count = "1"] = /^(.*?)(?:\[(\d+)\])?$/.exec(text.trim()) ?? [];
    const size = kernel.types.sizeOf(type);
    if (size === undefined) continue;
    for (const cpu of cpus) {
      const address = perCpuAddress(kernel, symbol, cpu);
      if (address === undefined) continue;
      // Idle tasks are on no list.
      const idle = name === "runqueues" ? readMember(kernel, "rq", address, "idle") : undefined;
      if (idle !== undefined && kernel.memory.isKernelAddress(idle)) known.object("struct task_struct", idle);
      for (let i = 0; i < Math.min(Number(count), MAX_ELEMENTS); i++) {
        known.object(type, address + BigInt(i * size));
      }
    }
  }
}
