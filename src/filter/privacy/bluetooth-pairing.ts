import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import type { SearchSteps } from "./search-steps.js";

const MAX_STEPS = 1 << 16;
/** What came by other ways than radio, of each device: hashes and random numbers, from which keys are made. */
const OTHER_WAY = ["hash192", "rand192", "hash256", "rand256"];
/** Of pairing in progress: what keys are made of, and these themselves. */
const PAIRING = [
  ...["preq", "prsp", "prnd", "rrnd", "pcnf", "tk", "rr", "lr", "irk"],
  ...["local_pk", "remote_pk", "dhkey", "mackey"],
];
/** Of the controller itself, which all pairing begins with. */
const OWN = ["local_pk", "local_rand"];
/** What a pairing points to: bytes of a key, or a struct with them. */
const POINTERS = [
  ["link_key", undefined],
  ["csrk", "smp_csrk"],
  ["responder_csrk", "smp_csrk"],
  ["slave_csrk", "smp_csrk"],
] as const;
const KEY = 16;

type Erase = (address: bigint, length: number) => void;

/** What pairing of a controller's devices in progress has in memory, and data for it that came another way (OOB). */
export function pairingSecrets(kernel: KernelObjects, controller: bigint, steps: SearchSteps, erase: Erase): void {
  const { memory, types } = kernel;
  const members = (type: string, at: bigint, names: readonly string[]) => {
    const known = names.filter((name) => types.member(type, name) !== undefined);
    // A type without any of them is not the one that is meant.
    if (known.length === 0) kernel.incomplete?.();
    for (const name of known)
      erase(memberAddress(kernel, type, at, name) as bigint, types.member(type, name)?.size ?? 0);
  };
  const pointer = (type: string, at: bigint | undefined, name: string) => {
    const value = at === undefined ? undefined : readMember(kernel, type, at, name);
    return value && memory.isKernelAddress(value) ? value : undefined;
  };
  const data = memberAddress(kernel, "hci_dev", controller, "remote_oob_data");
  for (const one of data === undefined ? [] : walkList(kernel, data, "oob_data", "list", MAX_STEPS)) {
    if (!steps.take()) break;
    members("oob_data", one, OTHER_WAY);
  }
  for (const name of ["smp_data", "smp_bredr_data"]) {
    const own = pointer("l2cap_chan", pointer("hci_dev", controller, name), "data");
    if (own !== undefined) members("smp_dev", own, OWN);
  }
  const connections = memberAddress(kernel, "hci_dev", controller, "conn_hash.list");
  for (const one of connections === undefined ? [] : walkList(kernel, connections, "hci_conn", "list", MAX_STEPS)) {
    if (!steps.take()) break;
    const link = pointer("hci_conn", one, "l2cap_data");
    const pairing = pointer("l2cap_chan", pointer("l2cap_conn", link, "smp"), "data");
    if (pairing === undefined) continue;
    members("smp_chan", pairing, PAIRING);
    for (const [name, type] of POINTERS) {
      const key = types.member("smp_chan", name) === undefined ? undefined : pointer("smp_chan", pairing, name);
      if (key === undefined) continue;
      if (type === undefined) erase(key, KEY);
      else members(type, key, ["val"]);
    }
  }
  if (steps.cut) kernel.incomplete?.();
}
