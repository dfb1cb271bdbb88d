import { containerOf, type KernelObjects, readMember, readText } from "../kernel/objects/kernel-objects.js";
import type { PageOwner } from "./page-owner.js";

/** PATH_MAX is 4096, so no deeper path can be named in one piece. */
const MAX_DEPTH = 256;
const MAX_PATH = 4096;
const MAX_NAME = 255;

/** The file of the address_space at `mapping`; `undefined` if no valid inode is there. */
export function fileOwner(kernel: KernelObjects, mapping: bigint): PageOwner | undefined {
  const inode = readMember(kernel, "address_space", mapping, "host");
  if (!inode || !kernel.memory.isKernelAddress(inode)) return undefined;
  const number = readMember(kernel, "inode", inode, "i_ino");
  const block = readMember(kernel, "inode", inode, "i_sb");
  if (number === undefined || number > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const found = { what: "file", inode: Number(number) } as const;
  if (!block || !kernel.memory.isKernelAddress(block)) return found;
  const device = readMember(kernel, "super_block", block, "s_dev");
  const type = readMember(kernel, "super_block", block, "s_type");
  const name = type && readMember(kernel, "file_system_type", type, "name");
  const fileSystem = name ? readText(kernel.memory, name, 32) : undefined;
  const path = pathOf(kernel, inode);
  return {
    ...found,
    // The kernel's own dev_t has 20 bits for the minor number (MINORBITS).
    ...(device === undefined ? {} : { device: `${device >> 20n}:${device & 0xfffffn}` }),
    ...(fileSystem ? { fileSystem: nameText(fileSystem) } : {}),
    ...(path === undefined ? {} : { path }),
  };
}

/**
 * The path of an inode from the root of its file system, by one of its names; `undefined` if it has none, or the path
 * is damaged.
 */
function pathOf(kernel: KernelObjects, inode: bigint): string | undefined {
  const alias = readMember(kernel, "inode", inode, "i_dentry.first");
  if (!alias || !kernel.memory.isKernelAddress(alias)) return undefined;
  let dentry =
    containerOf(kernel.types, alias, "dentry", "d_u.d_alias") ?? containerOf(kernel.types, alias, "dentry", "d_alias");
  const names: string[] = [];
  let length = 0;
  for (let depth = 0; dentry !== undefined && depth < MAX_DEPTH; depth++) {
    const parent = readMember(kernel, "dentry", dentry, "d_parent");
    const name = readMember(kernel, "dentry", dentry, "d_name.name");
    if (!parent || !name || !kernel.memory.isKernelAddress(parent)) return undefined;
    const text = readText(kernel.memory, name, MAX_NAME);
    if (text === undefined) return undefined;
    // A root is its own parent, and is called "/". So are files without a place in a tree.
    if (parent === dentry) {
      if (names.length === 0) return nameText(text);
      return `/${names.reverse().join("/")}`;
    }
    length += text.length + 1;
    if (length > MAX_PATH) return undefined;
    names.push(nameText(text));
    dentry = parent;
  }
  return undefined;
}

/**
 * A name from the kernel's memory, given as bytes, as text. Users choose names, which may contain control characters:
 * these are escaped when it is printed.
 */
export function nameText(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
