/** Addresses of kernel symbols as they were in the running kernel (KASLR applied). */
export interface KernelSymbols {
  /** Where they are from, in words: "kallsyms in memory", "vmlinux" … */
  readonly source: string;
  /** The address of the first symbol of that name. */
  address(name: string): bigint | undefined;
  /** All addresses of that name (static functions and variables of several files may share one), in the source's order. */
  addresses(name: string): readonly bigint[];
  /** The highest symbol that is not above `address`, of several at one address the first; `undefined` below the lowest. `offset` is in bytes and may be large. */
  nearest(address: bigint): { readonly name: string; readonly offset: bigint } | undefined;
}
