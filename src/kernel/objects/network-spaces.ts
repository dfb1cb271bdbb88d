import { type KernelObjects, readMember, walkList } from "./kernel-objects.js";

const MAX_SPACES = 1 << 16;

/** Addresses of all `struct net`; none if symbols do not lead there. */
export function networkSpaces(kernel: KernelObjects): ReadonlySet<bigint> {
  const { symbols } = kernel;
  const list = symbols.address("net_namespace_list");
  const first = symbols.address("init_net");
  const spaces = new Set(first === undefined ? [] : [first]);
  if (list !== undefined) for (const net of walkList(kernel, list, "net", "list", MAX_SPACES)) spaces.add(net);
  return spaces;
}

/** What a module has for a `struct net` (net_generic), given the address of the variable with its number. */
export function ofNetworkSpace(kernel: KernelObjects, net: bigint, variable: bigint): bigint | undefined {
  const { memory, types } = kernel;
  const number = memory.readView(variable, 4)?.getUint32(0, memory.littleEndian);
  const table = readMember(kernel, "net", net, "gen");
  const first = types.member("net_generic", "ptr")?.offset;
  if (number === undefined || number > MAX_NUMBER || !table || first === undefined) return undefined;
  const found = memory.readWord(table + BigInt(first + number * memory.wordSize));
  return found && memory.isKernelAddress(found) ? found : undefined;
}

/** Some 80 modules have one. */
const MAX_NUMBER = 1 << 12;
