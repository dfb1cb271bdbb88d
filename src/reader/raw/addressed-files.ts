import { existsSync } from "node:fs";
import { DumpError } from "../../errors.js";
import { type Extents, layer, type Piece } from "../extents.js";
import { sourceSize } from "../source/joined-source.js";
import type { SourceImage } from "../source/source-image.js";
import { addressOf } from "./pieces.js";

/** Files of bare memory, and the physical address of the first byte of each. */
export interface AddressedFiles {
  readonly paths: readonly string[];
  readonly addresses: readonly number[];
}

/**
 * Splits names of the form `FILE@ADDRESS` (as crash has them); `undefined` if the first name is not of this form. If a
 * file has exactly that name, the name means the file. Throws `BAD_OPTION` if only some of the names have an address.
 */
export function addressedFiles(names: readonly string[]): AddressedFiles | undefined {
  const parts = names.map((name) => {
    const [, path = "", digits = ""] = /^(.+)@((?:0x[0-9a-f]+|\d+)[KMGT]?)$/i.exec(name) ?? [];
    const address = addressOf(digits);
    return address === undefined || existsSync(name) ? undefined : { path, address };
  });
  const known = parts.filter((part) => part !== undefined);
  if (known.length === 0) return undefined;
  if (known.length < parts.length) {
    throw new DumpError("BAD_OPTION", `${known.length} of ${parts.length} inputs have an address`, {
      file: names[parts.indexOf(undefined)],
      cure: "Give each file of bare memory its address: `FILE@0x80000000 FILE@0x100000000`",
    });
  }
  return { paths: known.map(({ path }) => path), addresses: known.map(({ address }) => address) };
}

/** Where each byte of memory is in the files. Throws `BAD_OPTION` for files that overlap. */
export function layOutFiles(sources: readonly SourceImage[], addresses: readonly number[]): Extents {
  let position = 0;
  const pieces: Piece[] = sources.map((source, i) => {
    const start = addresses[i] as number;
    const size = sourceSize(source);
    position += size;
    return { start, end: start + size, source: position - size };
  });
  const order = pieces.map((_, i) => i).sort((a, b) => (pieces[a] as Piece).start - (pieces[b] as Piece).start);
  for (let i = 1; i < order.length; i++) {
    const [before, next] = [order[i - 1] as number, order[i] as number];
    const [one, other] = [pieces[before] as Piece, pieces[next] as Piece];
    if (other.start >= one.end) continue;
    const name = sources[before]?.file.path;
    throw new DumpError(
      "BAD_OPTION",
      `lies from 0x${other.start.toString(16)} on, but ${name} reaches to 0x${one.end.toString(16)}`,
      {
        file: sources[next]?.file.path,
        cure: "Give the address at which each file begins",
      },
    );
  }
  if (pieces.some(({ end }) => !Number.isSafeInteger(end))) {
    throw new DumpError("BAD_OPTION", "has an end above 2^53 bytes", {
      file: sources[0]?.file.path,
      cure: "Check the addresses",
    });
  }
  return layer(pieces);
}
