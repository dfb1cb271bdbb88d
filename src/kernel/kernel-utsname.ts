import type { Dump } from "../reader/dump.js";
import { fields } from "../reader/fields.js";
import { readUtsname, UTSNAME_SIZE, type Utsname } from "../reader/utsname.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { type AddressSpace, readVirtual } from "./address-space.js";

/**
 * Reads the utsname in the kernel's memory; `undefined` when it is not there or is not Linux's, which shows that the
 * address space is not the right one. The name lies at an exported offset since 5.11, before that behind a kref of
 * 4 bytes; kernels before 2.6.19 have it alone, as system_utsname.
 */
export function readKernelUtsname(dump: Dump, info: Vmcoreinfo, space: AddressSpace): Utsname | undefined {
  const namespace = info.symbol("init_uts_ns");
  const system = info.symbol("system_utsname");
  const address = namespace !== undefined ? namespace + BigInt(info.offset("uts_namespace.name") ?? 4) : system;
  if (address === undefined) return undefined;
  const bytes = new Uint8Array(UTSNAME_SIZE);
  if (readVirtual(space, dump.memory, bytes, address) < bytes.length) return undefined;
  const utsname = readUtsname(fields(bytes, dump.machine.littleEndian, ""), 0);
  return utsname.sysname === "Linux" && utsname.release !== "" ? utsname : undefined;
}
