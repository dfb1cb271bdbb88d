/** Addresses of kernel symbols as they were in the running kernel (KASLR applied). */
export interface KernelSymbols {
  /** Where the symbols come from: "kallsyms in memory", "vmlinux" … */
  readonly source: string;
  /** The address of the first symbol of that name. */
  address(name: string): bigint | undefined;
  /**
   * All addresses of that name, in the source's order: static functions and variables of several files may share a
   * name.
   */
  addresses(name: string): readonly bigint[];
  /**
   * The highest symbol that is not above `address`; if several have that address, the first. `undefined` below the
   * lowest symbol. `offset` is in bytes and may be large.
   */
  nearest(address: bigint): { readonly name: string; readonly offset: bigint } | undefined;
}
