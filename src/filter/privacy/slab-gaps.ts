import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { GuestGap } from "./guest-registers.js";
import type { PrivateObjects } from "./private-objects.js";
import { zeroesOnAllocation } from "./zeroed-memory.js";

const GUEST_GAPS: Readonly<Record<GuestGap, string>> = {
  all: "registers of virtual machines (KVM), as their processors were left",
  system: "registers of virtual machines (KVM) that control their processors",
  vectors: "vector registers of some processors of virtual machines (KVM), of which there are too many",
};

/** The sentences of `remains` about slabs: what could not be found there, and what exists on some machines only. */
export function slabGaps(
  kernel: KernelObjects,
  slabs: Pick<PrivateObjects, "cpuLists" | "sheaves" | "guests" | "doubtful" | "cut" | "padding">,
): string[] {
  const gaps: string[] = [];
  if (!slabs.cpuLists)
    gaps.push("freed objects in the slabs that CPUs allocate from: the dump does not say where they are");
  const { found, broken } = slabs.sheaves;
  if (!found) gaps.push("freed objects in the sheaves that CPUs and nodes keep: the dump does not say where they are");
  else if (broken > 0) gaps.push(`freed objects in ${broken} sheaves that could not be read`);
  const zeroed = zeroesOnAllocation(kernel);
  if (zeroed !== true) {
    gaps.push(
      `slab objects in use: bytes that their owner never wrote hold what the memory held before, also of processes that have ended (${
        zeroed === undefined ? "the dump does not say whether init_on_alloc was on" : "init_on_alloc was off"
      })`,
    );
  }
  for (const gap of slabs.guests) gaps.push(GUEST_GAPS[gap]);
  if (slabs.doubtful > 0) gaps.push(`${slabs.doubtful} slabs whose free objects are not known`);
  if (slabs.cut || slabs.padding.cut) gaps.push("objects in slabs, of which there are too many");
  return gaps;
}
