import { machineNames } from "../../reader/machine.js";
import { OPENING, ROW } from "./option.js";

const { file, flag, folder, size, text } = ROW;

/** Commands that read a dump of any format on this machine. */
const HERE = [
  "filter",
  "split",
  "handover",
  "audit",
  "verify",
  "dmesg",
  "info",
  "estimate",
  "bench",
  "report",
] as const;
const SPOOLING = [...HERE, "reassemble"] as const;
const OWN_SPOOL = { submit: "the workers have their own: start them with --spool-dir" } as const;

/** Options about the input. All commands that open a dump have them, and `coresieve help input` explains them. */
export const INPUT_OPTIONS = [
  text(
    "raw",
    OPENING,
    "the dump is bare memory: physical address of its first byte, its ranges (--raw 0-3G,4G-), or auto",
    {
      value: "WHERE",
      long: "`DUMP` is bare memory: the physical address of its first byte, its ranges (`--raw 0-3G,4G-`), or `auto`.",
      see: "See [below](#memory-images)",
    },
  ),
  text("arch", OPENING, "architecture of a memory image (default: found in it)", {
    value: "NAME",
    long: "Architecture of a memory image, as crash or `uname -m` names it. Default: found in its memory",
    suggested: machineNames(),
  }),
  flag("salvage", OPENING, "read a damaged or cut-off dump as far as it goes", {
    long: "Read a damaged or cut-off dump as far as it goes.",
    see: "See [below](#damaged-dumps)",
    refused: {
      reassemble: "filter the set with it: `coresieve --salvage PART... OUT`",
      rearrange: "filter the file with it: `coresieve --salvage FLAT OUT`",
    },
  }),
  text("snapshot", HERE, "which saved machine of a qcow2 disk image (default: the newest)", {
    value: "NAME",
    refused: { submit: "a job takes the newest: make a dump of the one you want first" },
    long: "Which saved machine of a qcow2 disk image is read, by name or number. Default: the newest that has memory.",
    see: "See [virtual-machines.md](virtual-machines.md)",
  }),
  file("identity", HERE, "the dump is sealed (age): FILE has the identity", {
    refused: { submit: "several hosts do not share a key: open the sealed dump with one machine" },
    object: "read",
    long: "The dump is sealed with age: `FILE` has the receiver's identity, as `age-keygen` makes it.",
    see: "See [hand-over.md](hand-over.md#sealed-for-the-receiver)",
  }),
] as const;

/** Options about the temporary file for inputs that can be read only once. */
export const SPOOL_OPTIONS = [
  folder("spool-dir", SPOOLING, "folder of that file (default: $TMPDIR, or the system's)", {
    refused: OWN_SPOOL,
    long: "Folder of temporary files, for input that can be read only once and for packed output. Default: the system's (`$TMPDIR`); for packed output the folder of `OUT`.",
    see: "See [pipes.md](pipes.md)",
    object: { cure: "Name a folder of this machine: the file there is temporary" },
  }),
  size("spool-limit", SPOOLING, "its largest size (default: half of the free space)", {
    refused: OWN_SPOOL,
    long: "Largest size of such a file. Default: half of the free space",
  }),
] as const;

/** Options about the kernel of the dump. */
export const KERNEL_OPTIONS = [
  file("vmcoreinfo", OPENING, "use this VMCOREINFO text instead of the dump's", {
    letter: "i",
    same: "vmcoreinfo",
    object: "read",
    long: "Take VMCOREINFO from a text file, as `-g` writes it.",
    see: "See [below](#vmcoreinfo-from-elsewhere)",
  }),
  file("vmlinux", OPENING, "make VMCOREINFO from the kernel's vmlinux", {
    letter: "x",
    same: "vmcoreinfo",
    object: "read",
    long: "Make VMCOREINFO from the kernel's vmlinux.",
    see: "See [below](#vmcoreinfo-from-elsewhere)",
  }),
  file("vmcoreinfo-device", OPENING, "QEMU's 16 bytes (or file) leading to it", {
    value: "HEX",
    same: "vmcoreinfo",
    object: "read",
    long: "The 16 bytes that the guest wrote into QEMU's vmcoreinfo device, in hexadecimal or as a file: they lead to the note",
  }),
  text("vmcoreinfo-at", OPENING, "its address in memory, of several (see info)", {
    value: "ADDRESS",
    same: "vmcoreinfo",
    long: "Take the VMCOREINFO text at this physical address. `coresieve info` lists those that memory holds",
  }),
] as const;
