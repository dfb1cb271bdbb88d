/** The machine's own addresses, by the kernel's lists of name spaces, interfaces and addresses. */
import { expect, test } from "vitest";
import { searchOf } from "../../../src/filter/erase/erase-texts.js";
import { machineAddresses } from "../../../src/filter/erase/machine-addresses.js";
import { BASE, machine } from "../../support/fake-machine.js";
import { failureOf } from "../../support/open.js";

const TYPES = {
  "net.list": [8, 16],
  "net.dev_base_head": [32, 16],
  "net_device.dev_list": [16, 16],
  "net_device.ip_ptr": [40, 8],
  "net_device.ip6_ptr": [48, 8],
  "in_device.ifa_list": [8, 8],
  "in_ifaddr.ifa_next": [0, 8],
  "in_ifaddr.ifa_local": [16, 4],
  "in_ifaddr.ifa_address": [20, 4],
  "in_ifaddr.ifa_broadcast": [24, 4],
  "inet6_dev.addr_list": [8, 16],
  "inet6_ifaddr.addr": [0, 16],
  "inet6_ifaddr.if_list": [32, 16],
} as const;

const IPV6 = Buffer.from("20010db8007700000000000000000021", "hex");

/** Two name spaces; the second has loopback and one interface, with two IPv4 addresses and one of IPv6. */
function host() {
  const made = machine({ net_namespace_list: 0x100 }, TYPES);
  const { view, point } = made;
  const ring = (...links: readonly number[]) => {
    links.forEach((link, i) => {
      const next = links[(i + 1) % links.length] as number;
      point(link, next);
      point(next + 8, link);
    });
  };
  const bytes = (address: number, value: Uint8Array) => new Uint8Array(view.buffer).set(value, address);
  const [empty, net, lo, nic] = [0x1000, 0x2000, 0x3000, 0x4000];
  ring(0x100, empty + 8, net + 8);
  ring(empty + 32);
  ring(net + 32, lo + 16, nic + 16);
  point(lo + 40, 0x5000);
  point(0x5008, 0x5100);
  bytes(0x5110, Uint8Array.of(127, 0, 0, 1, 127, 0, 0, 1, 0, 0, 0, 0));
  point(nic + 40, 0x6000);
  point(0x6008, 0x6100);
  point(0x6100, 0x6200);
  bytes(0x6110, Uint8Array.of(10, 77, 3, 21, 10, 77, 3, 21, 10, 77, 3, 255));
  bytes(0x6210, Uint8Array.of(192, 168, 7, 1, 192, 168, 7, 2, 0, 0, 0, 0));
  point(nic + 48, 0x7000);
  ring(0x7008, 0x7120);
  bytes(0x7100, IPV6);
  return made.kernel;
}

test("IPv4 addresses as texts and where they are; IPv6 ones as texts, and as bytes wherever they are", () => {
  const at = (...places: readonly number[]) => places.map((place) => ({ address: BASE + BigInt(place), size: 4 }));
  const found = machineAddresses(host());
  expect(found).toEqual([
    { texts: ["10.77.3.21", "10.77.3.255"], places: at(0x6110, 0x6114, 0x6118) },
    { texts: ["192.168.7.1", "192.168.7.2"], places: at(0x6210, 0x6214) },
    {
      texts: ["2001:db8:77::21", "2001:0db8:0077:0000:0000:0000:0000:0021", "20010db8007700000000000000000021"],
      places: [],
      bytes: Uint8Array.from(IPV6),
    },
  ]);
  const wanted = { rules: 3, needles: [], patterns: [] };
  const search = searchOf(wanted, [
    { rule: 2, text: "10.77.3.21" },
    { rule: 2, text: Uint8Array.from(IPV6) },
  ]);
  expect(search.needles).toEqual([{ rule: 2, encoding: undefined, bytes: Uint8Array.from(IPV6) }]);
  expect(search.patterns.map(({ rule }) => rule)).toEqual([2]);
});

test("a kernel without the list of name spaces", () => {
  expect(failureOf(() => machineAddresses(machine({}, TYPES).kernel))).toMatchObject({ code: "CANNOT_ERASE" });
});
