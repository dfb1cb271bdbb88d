import {
  containerOf,
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  readText,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { treeNodes } from "../../kernel/objects/lookup-trees.js";
import { moduleNamed, moduleTypes } from "../../kernel/objects/module-objects.js";

const MAX_KEYS = 1 << 20;
/** The number of pointers in union key_payload (4.4 and later). */
const POINTERS = 4;
const MAX_NAME = 64;
/** Types whose payload is not secret: lists of keys, which are followed, and certificates; but private keys. */
const KEPT_TYPES = new Set(["keyring", "asymmetric", "blacklist"]);
/** A request for a key that a program has to make: of its payload only the text that it is given (callout_info). */
const REQUEST = ".request_key_auth";

/**
 * Key types whose payload is a pointer, or a list of them, to the secret: session keys and tickets of AFS, the key itself of
 * Ceph. Their structs are the module's.
 */
const CHAINS: ReadonlyMap<string, KeyChain> = new Map([
  ["rxrpc", { module: "rxrpc", type: "rxrpc_key_token", to: ["kad", "rxgk"] }],
  ["ceph", { module: "libceph", type: "ceph_crypto_key", to: ["key"] }],
]);
interface KeyChain {
  readonly module: string;
  readonly type: string;
  readonly to: readonly string[];
}
const MAX_TOKENS = 16;
const MAX_WAITING = 1 << 16;
/** MAX_KEY_SIZE of security/integrity/evm. */
const EVM_KEY = 128;

/** What keys hold. */
export interface KeyPayloads {
  readonly addresses: readonly bigint[];
  /** Words in struct key itself that are no addresses (a server's key of AFS, rxrpc_s; a length for others), and the key of EVM. */
  readonly words: readonly bigint[];
  /** Names of types whose keys lead to further memory that was not found. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Addresses of the payloads of the keys in all keyrings (security/keys): passwords, keys of disks and of file servers;
 * and what programs are told that have to make a key.
 * `undefined` if symbols or types do not lead to the keys.
 */
export function keyPayloads(kernel: KernelObjects): KeyPayloads | undefined {
  const { memory, symbols, types } = kernel;
  const tree = symbols.address("key_serial_tree");
  if (tree === undefined || types.member("key", "payload.data[0]") === undefined) return undefined;
  const root = memory.readWord(tree);
  if (root === undefined) return undefined;
  const found: bigint[] = [];
  const words: bigint[] = [];
  const unknown = new Set<string>();
  const names = new Map<bigint, string>();
  // A module's types are read once, not for each of up to a million keys.
  const modules = new Map<string, KernelObjects | undefined>();
  const moduleOf = (chain: KeyChain) => {
    if (!modules.has(chain.module)) modules.set(chain.module, withTypesOf(kernel, chain));
    return modules.get(chain.module);
  };
  for (const node of treeNodes(kernel, root, MAX_KEYS)) {
    const key = containerOf(types, node, "key", "serial_node");
    if (key === undefined) return undefined;
    const type = readMember(kernel, "key", key, "type") ?? 0n;
    let name = names.get(type);
    if (name === undefined) {
      name = readText(memory, readMember(kernel, "key_type", type, "name") ?? 0n, MAX_NAME) ?? "";
      names.set(type, name);
    }
    if (name === "asymmetric") found.push(...privateKey(kernel, key));
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
      if (!payload) continue;
      if (!memory.isKernelAddress(payload)) {
        words.push(memberAddress(kernel, "key", key, `payload.data[${i}]`) as bigint);
        continue;
      }
      found.push(payload);
      const chain = i === 0 ? CHAINS.get(name) : undefined;
      const further = chain && chained(moduleOf(chain), chain, payload);
      if (further !== undefined) found.push(...further);
      else if (chain !== undefined) unknown.add(name);
    }
  }
  words.push(...ownerKey(kernel));
  found.push(...keysToMeasure(kernel));
  return { addresses: found, words, unknown };
}

/** The words of the key by which attributes of files are signed (EVM): the kernel has it in a variable of its own. */
function ownerKey({ memory, symbols }: KernelObjects): bigint[] {
  const key = symbols.address("evmkey");
  const words = key === undefined ? 0 : EVM_KEY / memory.wordSize;
  return Array.from({ length: words }, (_, i) => (key as bigint) + BigInt(i * memory.wordSize));
}

/** Certificates and private keys as they were given, of which IMA takes copies until it has its rules: five minutes at most (5.6 and later). */
function keysToMeasure(kernel: KernelObjects): bigint[] {
  const list = kernel.symbols.address("ima_keys");
  if (list === undefined || kernel.types.member("ima_key_entry", "payload") === undefined) return [];
  return [...walkList(kernel, list, "ima_key_entry", "list", MAX_WAITING)].flatMap((entry) => {
    const copy = readMember(kernel, "ima_key_entry", entry, "payload");
    return copy && kernel.memory.isKernelAddress(copy) ? [copy] : [];
  });
}

/** The memory of a private key that a program gave to the kernel (PKCS#8); of public ones nothing. */
function privateKey(kernel: KernelObjects, key: bigint): bigint[] {
  // asym_crypto
  const own = readMember(kernel, "key", key, "payload.data[0]");
  if (!own || !kernel.memory.isKernelAddress(own)) return [];
  if (readMember(kernel, "public_key", own, "key_is_private") !== 1n) return [];
  const found = readMember(kernel, "public_key", own, "key");
  return found && kernel.memory.isKernelAddress(found) ? [found] : [];
}

/** The kernel with the types of the module of a chain, which may be built in; `undefined` if they are not known. */
function withTypesOf(base: KernelObjects, chain: KeyChain): KernelObjects | undefined {
  const module = base.symbols.address("modules") !== undefined ? moduleNamed(base, chain.module) : undefined;
  const types = module === undefined ? base.types : moduleTypes(base, module);
  if (types === undefined || chain.to.every((member) => types.member(chain.type, member) === undefined))
    return undefined;
  return { ...base, types };
}

/** What the payload of a key leads to; `undefined` if its types are not known. */
function chained(kernel: KernelObjects | undefined, chain: KeyChain, payload: bigint): bigint[] | undefined {
  if (kernel === undefined) return undefined;
  const found: bigint[] = [];
  const add = (address: bigint | undefined) => {
    if (!address || !kernel.memory.isKernelAddress(address)) return false;
    found.push(address);
    return true;
  };
  for (let [at, count]: [bigint | undefined, number] = [payload, 0]; at && count < MAX_TOKENS; count++) {
    for (const member of chain.to) add(readPossibleMember(kernel, chain.type, at, member));
    const next = readPossibleMember(kernel, chain.type, at, "next");
    at = add(next) ? next : undefined;
  }
  return found;
}
