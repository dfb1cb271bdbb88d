import { containerOf, type KernelObjects, readMember, readText } from "../../kernel/objects/kernel-objects.js";
import { treeNodes } from "../../kernel/objects/lookup-trees.js";

const MAX_KEYS = 1 << 20;
/** The number of pointers in union key_payload (4.4 and later). */
const POINTERS = 4;
const MAX_NAME = 64;
/** Types whose payload is not secret: lists of keys, which are followed, and certificates. */
const KEPT_TYPES = new Set(["keyring", "asymmetric", "blacklist"]);
/** A request for a key that a program has to make: of its payload only the text that it is given (callout_info). */
const REQUEST = ".request_key_auth";

/**
 * Addresses of the payloads of the keys in all keyrings (security/keys): passwords, keys of disks and of file servers;
 * and what programs are told that have to make a key.
 * `undefined` if symbols or types do not lead to the keys.
 */
export function keyPayloads(kernel: KernelObjects): bigint[] | undefined {
  const { memory, symbols, types } = kernel;
  const tree = symbols.address("key_serial_tree");
  if (tree === undefined || types.member("key", "payload.data[0]") === undefined) return undefined;
  const root = memory.readWord(tree);
  if (root === undefined) return undefined;
  const found: bigint[] = [];
  const names = new Map<bigint, string>();
  for (const node of treeNodes(kernel, root, MAX_KEYS)) {
    const key = containerOf(types, node, "key", "serial_node");
    if (key === undefined) return undefined;
    const type = readMember(kernel, "key", key, "type") ?? 0n;
    let name = names.get(type);
    if (name === undefined) {
      name = readText(memory, readMember(kernel, "key_type", type, "name") ?? 0n, MAX_NAME) ?? "";
      names.set(type, name);
    }
    if (KEPT_TYPES.has(name)) continue;
    if (name === REQUEST) {
      const request = readMember(kernel, "key", key, "payload.data[0]");
      const text =
        request && memory.isKernelAddress(request)
          ? readMember(kernel, "request_key_auth", request, "callout_info")
          : undefined;
      if (text && memory.isKernelAddress(text)) found.push(text);
      continue;
    }
    for (let i = 0; i < POINTERS; i++) {
      const payload = readMember(kernel, "key", key, `payload.data[${i}]`);
      if (payload !== undefined && memory.isKernelAddress(payload)) found.push(payload);
    }
  }
  return found;
}
