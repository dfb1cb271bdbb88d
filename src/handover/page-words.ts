import type { ClassCounts } from "../filter/page-classes.js";
import type { KeptReasons } from "../filter/privacy/kept-reasons.js";
import type { Scrubbed } from "../filter/privacy/scrubbed.js";

/** What was removed, for people who do not know kernels: a name, and what it could contain. */
export const GONE: Readonly<Record<Exclude<keyof ClassCounts, "kept">, readonly [name: string, what: string]>> = {
  user: ["Memory of programs", "What users and services typed, received, computed and had not saved."],
  cache: ["Contents of files", "Files that the system had read or was about to write."],
  "cache-private": ["Contents of files, with their file system's notes", "The same, of file systems with a journal."],
  free: ["Free memory", "What programs and files left there before it was freed."],
  unreferenced: ["Memory freed a moment before", "The same, on the lists of single processors."],
  "off-lru": ["Memory on its way", "Contents of files and programs that were being moved, compressed or swapped."],
  unknown: [
    "Memory in use that may be anybody's",
    "Pipes, network packets, buffers of devices: nothing shows that only the kernel wrote there.",
  ],
  "no-struct-page": ["Memory that the kernel does not manage", "Nothing is known of it."],
  device: [
    "Memory set aside for devices and firmware",
    "What devices may have put there (pictures, sound, files on persistent memory); of a PC also its first megabyte.",
  ],
  "crash-kernel": ["The reserve for saving a crash", "A second kernel, with keys for the server that takes dumps."],
  hwpoison: ["Memory with errors", "It cannot be read safely."],
  offline: ["Memory that was switched off", "The machine did not use it."],
  extension: ["Dropped by an extension", "A module of your own decided about it."],
  "unused-vmemmap": [
    "Notes about memory that is gone",
    "What the kernel knew of dropped pages: their state, no contents.",
  ],
  zero: ["Empty pages", "Nothing but zeros: there is nothing to hand over."],
};

/** What was overwritten in kept memory. Kinds without an entry appear under their own names. */
const OVERWRITTEN: Readonly<Record<Scrubbed, string>> = {
  "free-objects": "What freed pieces of kernel memory had in them",
  "slab-padding": "What lay between pieces of kernel memory",
  "percpu-areas": "What was left in free parts of the memory that each processor has",
  "socket-buffers": "Network packets and messages between programs",
  messages: "Messages in queues, and what signals carry",
  "path-names": "Names of files on their way through calls",
  keys: "Passwords and keys in keyrings",
  unwritten: "Room in kernel objects that nobody had written to since it was somebody else's",
  "old-frames": "What calls that have ended left on the kernel's stacks",
  screens: "What screens showed",
  "tty-audit": "What was typed at audited terminals, command lines that audit keeps",
  "bpf-maps": "Tables of monitoring programs (BPF)",
  "driver-buffers":
    "Buffers of drivers: what the host told a guest through serial ports, typed keys that no program had read, random numbers",
  registers: "Registers of programs",
  "vector-registers": "Vector registers of programs: keys, what was last copied",
  tty: "What was typed at terminals, and printed there",
  log: "The text of the kernel's messages",
  host: "The names of the machine and its domain, command lines of the kernel, numbers and tags of the machine's parts",
};

export function overwrittenWord(kind: string): string {
  return Object.hasOwn(OVERWRITTEN, kind) ? OVERWRITTEN[kind as Scrubbed] : kind;
}

/** What is kept, and why. */
export const STAYS: Readonly<Record<keyof KeptReasons, readonly [name: string, why: string]>> = {
  reserved: [
    "The kernel itself, and what it set up at its start",
    "Without its code, its own data and its log no question can be answered.",
  ],
  slab: [
    "The kernel's lists and objects",
    "Processes, open files, locks, timers, network connections: why it stopped is found by following them.",
  ],
  known: [
    "Page tables, modules, kernel stacks",
    "They say where everything lies, which drivers were loaded, and what each processor was doing.",
  ],
  stack: ["Further kernel stacks", "What each task was doing in the kernel."],
  percpu: ["The data of each processor", "Counters and work that was waiting."],
  zeros: ["Empty pages among these", "Nothing but zeros: they are listed above, with what is gone."],
  later: ["Changed afterwards", "By a module of your own, or because it only described memory that is gone."],
};

/** Reasons in the order of their rows. */
export const STAYING = Object.keys(STAYS) as readonly (keyof KeptReasons)[];
