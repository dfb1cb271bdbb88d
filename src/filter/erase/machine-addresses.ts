import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { cannotErase } from "./values.js";

/** An address of one of the machine's network interfaces. */
export interface MachineAddress {
  /** Its spellings for people and programs. */
  readonly texts: readonly string[];
  /** Where the kernel's lists have an IPv4 address, in network byte order. */
  readonly places: readonly { readonly address: bigint; readonly size: number }[];
  /**
   * An IPv6 address in network byte order: routes, neighbours and sockets have copies of it. Unlike the four bytes of
   * IPv4, 16 bytes are never equal by chance.
   */
  readonly bytes?: Uint8Array;
}

/** The most network namespaces, interfaces of a namespace, addresses of an interface: a longer list is broken. */
const MOST = 1 << 16;

/**
 * The addresses of all interfaces in all network namespaces, except loopback: net_namespace_list, each net's
 * dev_base_head, each device's in_device.ifa_list and inet6_dev.addr_list. Throws `CANNOT_ERASE` if the kernel's types
 * do not have these.
 */
export function machineAddresses(kernel: KernelObjects): MachineAddress[] {
  const { symbols, types } = kernel;
  const nets = symbols.address("net_namespace_list");
  const needed = ["net.list", "net.dev_base_head", "net_device.dev_list", "net_device.ip_ptr", "in_device.ifa_list"];
  const missing = needed.find(
    (name) => types.member(name.split(".")[0] as string, name.replace(/^\w+\./, "")) === undefined,
  );
  if (nets === undefined || missing !== undefined) {
    throw cannotErase(
      `the kernel has no ${nets === undefined ? "net_namespace_list" : missing}, which leads to the machine's addresses`,
      "class ipv4 and class ipv6 erase all addresses, by their form",
    );
  }
  const found: MachineAddress[] = [];
  for (const net of list(kernel, nets, "net", "list")) {
    const devices = net + BigInt(types.member("net", "dev_base_head")?.offset ?? 0);
    for (const device of list(kernel, devices, "net_device", "dev_list")) {
      found.push(...addresses4(kernel, device), ...addresses6(kernel, device));
    }
  }
  return found;
}

function* list({ memory, types }: KernelObjects, head: bigint, type: string, link: string): Generator<bigint> {
  const offset = BigInt(types.member(type, link)?.offset ?? 0);
  let at = memory.readWord(head);
  for (let count = 0; count < MOST && at !== undefined && at !== head && memory.isKernelAddress(at); count++) {
    yield at - offset;
    at = memory.readWord(at);
  }
}

function* addresses4(kernel: KernelObjects, device: bigint): Generator<MachineAddress> {
  const { memory, types } = kernel;
  const inDevice = readMember(kernel, "net_device", device, "ip_ptr") ?? 0n;
  let at = inDevice === 0n ? 0n : (readMember(kernel, "in_device", inDevice, "ifa_list") ?? 0n);
  for (let count = 0; count < MOST && memory.isKernelAddress(at); count++) {
    const places = ["ifa_local", "ifa_address", "ifa_broadcast"].flatMap((name) => {
      const member = types.member("in_ifaddr", name);
      return member === undefined ? [] : [{ address: at + BigInt(member.offset), size: 4 }];
    });
    const texts = new Set<string>();
    const used = places.filter(({ address }) => {
      const bytes = memory.readView(address, 4);
      const text = bytes === undefined ? "" : [0, 1, 2, 3].map((i) => bytes.getUint8(i)).join(".");
      if (/^(?:$|0\.|127\.|255\.)/.test(text)) return false;
      texts.add(text);
      return true;
    });
    if (used.length > 0) yield { texts: [...texts], places: used };
    at = readMember(kernel, "in_ifaddr", at, "ifa_next") ?? 0n;
  }
}

function* addresses6(kernel: KernelObjects, device: bigint): Generator<MachineAddress> {
  const { memory, types } = kernel;
  const member = types.member("inet6_ifaddr", "addr");
  const head = types.member("inet6_dev", "addr_list");
  const inDevice = readMember(kernel, "net_device", device, "ip6_ptr") ?? 0n;
  if (member === undefined || head === undefined || inDevice === 0n) return;
  for (const one of list(kernel, inDevice + BigInt(head.offset), "inet6_ifaddr", "if_list")) {
    const view = memory.readView(one + BigInt(member.offset), 16);
    if (view === undefined) continue;
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i));
    if (groups.slice(0, 7).every((group) => group === 0)) continue;
    const bytes = new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + 16));
    yield { texts: texts6(groups), places: [], bytes };
  }
}

/** The spelling of RFC 5952, with all digits, and without colons as in /proc/net/if_inet6. */
function texts6(groups: readonly number[]): string[] {
  const full = groups.map((group) => group.toString(16).padStart(4, "0"));
  const short = groups.map((group) => group.toString(16));
  let [best, length] = [0, 0];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) [best, length] = [from, to - from];
  }
  const compressed =
    length < 2 ? short.join(":") : `${short.slice(0, best).join(":")}::${short.slice(best + length).join(":")}`;
  return [...new Set([compressed, full.join(":"), full.join("")])];
}
