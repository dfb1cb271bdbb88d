import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readText } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleTypes } from "../../kernel/objects/module-objects.js";
import { wordAt } from "../../reader/fields.js";
import { guessing } from "./watched-kernel.js";

/** A cipher that has what follows from its key in tables of their own. */
interface TableOwner {
  readonly driver: RegExp;
  readonly module: string;
  readonly type: string;
  readonly member: string;
  /** How many tables there are behind a list of pointers; 0: the member leads to the only one. */
  readonly listed: number;
}

/** The second key of LRW, with all its multiples (struct gf128mul_64k), and the one by which GHASH signs (gf128mul_4k). */
const OWNERS: readonly TableOwner[] = [
  { driver: /^lrw\(/, module: "lrw", type: "lrw_tfm_ctx", member: "table", listed: 16 },
  { driver: /^ghash-generic$/, module: "ghash_generic", type: "ghash_ctx", member: "gf128", listed: 0 },
];
const MAX_NAME = 128;
const MAX_TABLES = 1 << 16;

/** Follows contexts of ciphers to tables of theirs. */
export class CipherTables {
  /** Physical addresses in objects of `kmalloc`. */
  readonly places: number[] = [];
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  /** Where a context has the pointer, by the address of the algorithm. */
  readonly #owners = new Map<bigint, { readonly offset: number; readonly listed: number }>();

  constructor(space: AddressSpace, kernel: KernelObjects) {
    this.#space = space;
    this.#kernel = kernel;
  }

  /** Told of each algorithm. */
  algorithm(address: bigint): void {
    const kernel = this.#kernel;
    const name = kernel.types.member("crypto_alg", "cra_driver_name")?.offset;
    const driver = name === undefined ? undefined : readText(kernel.memory, address + BigInt(name), MAX_NAME);
    const owner = driver === undefined ? undefined : OWNERS.find((one) => one.driver.test(driver));
    if (owner === undefined) return;
    const module = moduleNamed(guessing(kernel), owner.module);
    const types = module === undefined ? kernel.types : moduleTypes(kernel, module);
    const offset = types?.member(owner.type, owner.member)?.offset;
    if (offset === undefined) kernel.incomplete?.();
    else this.#owners.set(address, { offset, listed: owner.listed });
  }

  /** Told of each context: `at` is where it begins in `bytes`. */
  context(algorithm: bigint, bytes: DataView, at: number): void {
    const owner = this.#owners.get(algorithm);
    const { memory } = this.#kernel;
    if (owner === undefined || at + owner.offset + memory.wordSize > bytes.byteLength) return;
    const table = wordAt(bytes, at + owner.offset, memory.wordSize, memory.littleEndian);
    if (!memory.isKernelAddress(table)) return;
    this.#add(table);
    for (let i = 0; i < owner.listed; i++) this.#add(memory.readWord(table + BigInt(i * memory.wordSize)));
  }

  #add(table: bigint | undefined): void {
    const place = table && this.#kernel.memory.isKernelAddress(table) ? this.#space.translate(table)?.paddr : undefined;
    if (place === undefined || this.places.length >= MAX_TABLES) this.#kernel.incomplete?.();
    else this.places.push(place);
  }
}
