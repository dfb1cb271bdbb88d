// The names of all targets, and how much time each gets; test/fuzz/corpus.test.ts compares them with fuzz/targets.ts.
export const TARGETS = [
  ...["elf", "kdump", "flattened", "split", "lime", "avml", "raw"],
  ...[
    "vmware",
    "vmware-guest",
    "microvm",
    "xen",
    "s390-dump",
    "sadump",
    "lkcd",
    "libvirt-save",
    "known-files",
    "migration",
    "qcow2",
  ],
  ...["lzo", "snappy", "inflate", "lz4", "zlib", "zstd", "vmcoreinfo"],
  ...["encode-lzo", "encode-snappy", "encode-deflate"],
  ...[
    "notes",
    "vmcoreinfo-device",
    "erase-rules",
    "secrets",
    "keys",
    "kernel",
    "page-tables",
    "btf",
    "kallsyms",
    "vmlinux",
  ],
  ...["sheaves", "sealed", "identities"],
  ...["run-small", "run-kernel", "run-structs"],
  ...["packed", "stream", "spool-file", "command-line", "config", "given-vmcoreinfo", "job-data", "shard-files"],
  "commands",
];

/** Targets whose inputs are whole runs: few in a second, and most to reach. */
export const WHOLE_RUNS = new Set(["run-small", "run-kernel", "run-structs", "commands"]);

/** Targets that build kernels, or read what they have found for long, before they try anything: they get longer slices of a campaign. */
export const SLOW_TO_BEGIN = new Set([...WHOLE_RUNS, "kernel", "page-tables", "kallsyms"]);

/** In a short run, time compared with other targets: those that build kernels first, or have most to reach. */
export const SHARES = {
  kernel: 5,
  "page-tables": 3,
  "run-kernel": 4,
  "run-structs": 5,
  "run-small": 3,
  elf: 2,
  kdump: 3,
  flattened: 2,
  vmlinux: 2,
  lzo: 0.5,
  snappy: 0.5,
  zlib: 0.5,
  zstd: 0.5,
  secrets: 0.5,
  "job-data": 0.5,
  config: 0.5,
  "shard-files": 0.5,
  stream: 2,
  commands: 3,
  notes: 0.5,
};
