/** The owner of a page, as far as the kernel's own data show it. Unknown members are absent. */
export type PageOwner =
  /** A cache of the slab allocator. */
  | { readonly what: "slab"; readonly cache: string }
  /** Page cache: a file, possibly without a name. `device` is major:minor, `path` starts at the file system's root. */
  | {
      readonly what: "file";
      readonly inode: number;
      readonly device?: string;
      readonly fileSystem?: string;
      readonly path?: string;
    }
  /**
   * A process whose address space contains the page. After fork other processes may have it too: `others` counts their
   * areas.
   */
  | { readonly what: "process"; readonly pid: number; readonly command: string; readonly others: number }
  /** The kernel stack of a task; members are `undefined` if no task has that stack. */
  | { readonly what: "kernel stack"; readonly pid?: number; readonly command?: string }
  /** A module's text or data. */
  | { readonly what: "module"; readonly name?: string }
  /** A variable of the kernel, or the function whose text it is; in per-CPU memory also the CPU. */
  | { readonly what: "kernel image"; readonly symbol?: string }
  | { readonly what: "per-CPU memory"; readonly cpu?: number; readonly symbol?: string }
  | { readonly what: "kernel log" }
  | { readonly what: "struct pages" }
  | { readonly what: "page tables" }
  /** Other vmalloc memory; `address` is the page's. */
  | { readonly what: "vmalloc"; readonly address: string };

/** An owner in a few words, for people. */
export function describeOwner(owner: PageOwner): string {
  switch (owner.what) {
    case "slab":
      return `cache ${owner.cache}`;
    case "file": {
      const { inode, device, fileSystem, path } = owner;
      const of = [fileSystem, device].filter((one) => one !== undefined).join(" ");
      return `file ${path ?? "without a name"} (inode ${inode}${of === "" ? "" : ` of ${of}`})`;
    }
    case "process": {
      const others = owner.others === 0 ? "" : `, or ${owner.others} other area${owner.others === 1 ? "" : "s"}`;
      return `process ${owner.pid} (${owner.command})${others}`;
    }
    case "kernel stack":
      return owner.pid === undefined ? "kernel stack" : `kernel stack of ${owner.pid} (${owner.command})`;
    case "module":
      return owner.name === undefined ? "a module" : `module ${owner.name}`;
    case "kernel image":
      return owner.symbol === undefined ? "kernel image" : `kernel image, ${owner.symbol}`;
    case "per-CPU memory": {
      const cpu = owner.cpu === undefined ? "" : ` of CPU ${owner.cpu}`;
      return `per-CPU memory${cpu}${owner.symbol === undefined ? "" : `, ${owner.symbol}`}`;
    }
    case "vmalloc":
      return `vmalloc ${owner.address}`;
    default:
      return owner.what;
  }
}
