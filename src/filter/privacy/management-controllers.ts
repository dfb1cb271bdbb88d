import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { dataOfOpenFiles, type OpenFiles } from "./open-files.js";
import type { ScrubList } from "./scrubbed.js";

const MAX_INTERFACES = 1 << 8;
const MAX_MESSAGES = 1 << 16;

/**
 * Answers of a machine's management controller (IPMI) that programs have not fetched. Programs give it, among others, the passwords of
 * its users.
 */
export function managementAnswers(
  space: AddressSpace,
  base: KernelObjects,
  files: () => OpenFiles,
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "ipmi_devintf", type: "ipmi_file_private", variable: "ipmi_fops" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const data = kernel.types.member("ipmi_recv_msg", "msg_data");
  if (data === undefined) return undefined;
  for (const program of dataOfOpenFiles(kernel, files(), (operations) => operations === at)) {
    const list = memberAddress(kernel, "ipmi_file_private", program, "recv_msgs");
    if (list === undefined) return undefined;
    for (const message of walkList(kernel, list, "ipmi_recv_msg", "link", MAX_MESSAGES)) {
      if (addVirtual(space, message + BigInt(data.offset), data.size, found.list) > 0) found.objects++;
    }
  }
  return found;
}

/**
 * Objects in which the interfaces of management controllers have what they sent and got last. Each kind of interface has a
 * type of its own, all of one name: nothing else is in them. `undefined` if nothing says where they are.
 */
export function managementBuffers(base: KernelObjects): bigint[] | undefined {
  const driver = withModule(base, { module: "ipmi_si", type: "smi_info", variable: "smi_infos" });
  if (driver === undefined || driver === "none") return driver && [];
  const { kernel, at } = driver;
  const found: bigint[] = [];
  for (const one of walkList(kernel, at, "smi_info", "link", MAX_INTERFACES)) {
    for (const name of ["si_sm", "curr_msg", "waiting_msg"]) {
      const buffer = readMember(kernel, "smi_info", one, name);
      if (buffer && kernel.memory.isKernelAddress(buffer)) found.push(buffer);
    }
  }
  return found;
}
