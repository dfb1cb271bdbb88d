/** The line that stands for INPUT_OPTIONS in a command's help. */
export const INPUT_HELP = "What DUMP is (--raw, -i, -x, --salvage, …): coresieve help input";

/** `coresieve help input`. */
export const INPUT_TOPIC = `Options of all commands that open a dump

DUMP is an ELF vmcore (/proc/vmcore, QEMU, libvirt) or a kdump-compressed file,
flattened or not, the files of a split set one after the other; or a LiME, AVML
or, with --raw, bare image of memory.

      --raw WHERE          the dump is bare memory: physical address of its
                           first byte, or its ranges: --raw 0-3G,4G-
      --arch NAME          machine of an image (default: found in its memory)
      --salvage            read a damaged or cut-off dump as far as it goes

DUMP may also be packed with zstd, LZ4 or gzip, a FIFO, or - for stdin. It is
read once, into a temporary file, LZ4-packed and without its zeros.
      --spool-dir DIR      where that file is (default: the system's, $TMPDIR)
      --spool-limit SIZE   its most bytes (default: half of what is free there)

What is known of the kernel, where the dump does not tell it
  -i, --vmcoreinfo FILE    VMCOREINFO text to take instead of the dump's
  -x, --vmlinux FILE       make VMCOREINFO from the kernel's vmlinux
      --vmcoreinfo-device HEX   QEMU's 16 bytes (or file) leading to it
      --vmcoreinfo-at ADDRESS   where in memory it is, of several (see info)

Examples
  coresieve info --raw 0-3G,4G- guest.ram
  coresieve -x vmlinux-6.1 vmcore small.kdump
  zstdcat vmcore.zst | coresieve info -      or: coresieve info vmcore.zst
`;
