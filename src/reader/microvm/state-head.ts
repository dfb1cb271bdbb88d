import type { Arch } from "../machine.js";

/** Magic numbers of Firecracker's states, which come after the version of the format. */
const MACHINES: readonly (readonly [mark: string, arch: Arch])[] = [
  ["\x64\x86\x84\x19\x10\x07", "x86_64"],
  ["\xaa\xaa\x84\x19\x10\x07", "arm64"],
];
const MARK_AT = 2;

/** The architecture of a Firecracker state; `undefined` for any other file. */
export function firecrackerArch(head: Uint8Array): Arch | undefined {
  const mark = Buffer.from(head.subarray(MARK_AT, MARK_AT + 6)).toString("latin1");
  return MACHINES.find(([bytes]) => bytes === mark)?.[1];
}

/** Whether a file with this head is a state of Firecracker. */
export function isFirecrackerState(head: Uint8Array): boolean {
  return firecrackerArch(head) !== undefined;
}

/** Whether a file is a state of cloud-hypervisor: a JSON text with that name. */
export function isCloudHypervisorState(head: Uint8Array, path: string): boolean {
  return head[0] === 0x7b && /(^|[/\\])state\.json$/.test(path);
}
