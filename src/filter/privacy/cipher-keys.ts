import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { wordAt } from "../../reader/fields.js";
import { CipherTables } from "./cipher-tables.js";
import type { Hole } from "./type-holes.js";

const MAX_ALGORITHMS = 1 << 14;
/** The most bytes of struct crypto_skcipher and the like before their struct crypto_tfm. */
const MAX_BEFORE = 1 << 10;

/** Recognises ciphers and hashes with their keys (struct crypto_tfm) among objects of `kmalloc`. */
export interface CipherReader {
  /**
   * What the context of a cipher has, if the object of `size` bytes at `at` is one: all but addresses of the kernel,
   * which lead to other ciphers.
   */
  context(bytes: DataView, at: number, size: number): readonly Hole[];
  /** Physical addresses of tables to which the contexts led: in objects that have nothing else. */
  readonly tables: readonly number[];
}

/**
 * Nothing but their users leads to ciphers. Yet each begins with what its algorithm's type has before the struct
 * crypto_tfm, and that points to the algorithm, which is in the list of all. `undefined` if types or symbols do not lead
 * to that list, or it is empty.
 */
export function cipherReader(space: AddressSpace, kernel: KernelObjects): CipherReader | undefined {
  const { memory, symbols, types } = kernel;
  const { littleEndian, wordSize } = memory;
  const list = symbols.address("crypto_alg_list");
  const algorithm = types.member("crypto_tfm", "__crt_alg")?.offset;
  const context = types.member("crypto_tfm", "__crt_ctx")?.offset;
  if (list === undefined || algorithm === undefined || context === undefined) return undefined;
  /** Bytes before struct crypto_tfm, by the address of the algorithm. */
  const known = new Map<bigint, number>();
  const tables = new CipherTables(space, kernel);
  for (const one of walkList(kernel, list, "crypto_alg", "cra_list", MAX_ALGORITHMS)) {
    const type = readMember(kernel, "crypto_alg", one, "cra_type");
    const before = type ? Number(readMember(kernel, "crypto_type", type, "tfmsize") ?? 0n) : 0;
    if (before > MAX_BEFORE) continue;
    known.set(one, before);
    tables.algorithm(one);
  }
  if (known.size === 0) return undefined;
  const places = [...new Set(known.values())];
  const lows = new Set([...known.keys()].map((address) => Number(BigInt.asUintN(32, address))));
  const low = littleEndian ? 0 : wordSize - 4;
  return {
    tables: tables.places,
    context(bytes, at, size) {
      for (const before of places) {
        const from = before + context;
        if (from >= size || !lows.has(bytes.getUint32(at + before + algorithm + low, littleEndian))) continue;
        const own = wordAt(bytes, at + before + algorithm, wordSize, littleEndian);
        if (known.get(own) !== before) continue;
        tables.context(own, bytes, at + from);
        return withoutAddresses(from, size, (offset) => {
          const word = wordAt(bytes, at + offset, wordSize, littleEndian);
          return memory.isKernelAddress(word) && space.translate(word) !== undefined;
        });
      }
      return [];
    },
  };

  /** The pieces between words that are addresses. */
  function withoutAddresses(from: number, to: number, isAddress: (offset: number) => boolean): readonly Hole[] {
    const pieces: Hole[] = [];
    let start = from;
    for (let offset = from; offset + wordSize <= to; offset += wordSize) {
      if (!isAddress(offset)) continue;
      if (offset > start) pieces.push([start, offset]);
      start = offset + wordSize;
    }
    if (to > start) pieces.push([start, to]);
    return pieces;
  }
}
