import { DumpError } from "../../errors.js";
import type { LongWork } from "../../long-work.js";
import { readExactly } from "../source/byte-source.js";
import type { DeviceDescription, StateDescription } from "./description.js";
import { findFooter, passFooter, SECTION } from "./sections.js";
import { damagedStream, type StreamReader } from "./stream.js";

/** A field of a device's saved state: where its elements are in the file. */
interface FieldPlace {
  readonly at: number;
  /** Bytes of an element. An integer has 1, 2, 4 or 8, and is big endian. */
  readonly size: number;
  readonly count: number;
}

/** Saved state of a device. A field of a part is named by its path: `env.segs[1].selector`, `cpu/fpu.env.fpc`. */
export class DeviceState {
  constructor(
    readonly name: string,
    readonly instance: number,
    private readonly reader: StreamReader,
    private readonly fields: ReadonlyMap<string, FieldPlace>,
  ) {}

  has(field: string): boolean {
    return this.fields.has(field);
  }

  /** An integer; `undefined` if the state has no such field, or fewer elements. */
  value(field: string, index = 0): bigint | undefined {
    const place = this.fields.get(field);
    if (place === undefined || index >= place.count || ![1, 2, 4, 8].includes(place.size)) return undefined;
    const bytes = readExactly(this.reader.source, place.at + index * place.size, place.size, "state of a device");
    return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  }

  /** The first `count` elements of a field; `undefined` if it has fewer. */
  values(field: string, count: number): bigint[] | undefined {
    const found = Array.from({ length: count }, (_, i) => this.value(field, i));
    return found.every((value) => value !== undefined) ? found : undefined;
  }

  /** The bytes of a field. */
  bytes(field: string): Uint8Array | undefined {
    const place = this.fields.get(field);
    if (place === undefined || place.size * place.count > MOST_BYTES) return undefined;
    return readExactly(this.reader.source, place.at, place.size * place.count, "state of a device");
  }
}

const MOST_BYTES = 1 << 16;
/** The most devices of a machine, CPUs included, and the most fields that are walked in all of them. */
const MOST_DEVICES = 1 << 16;
const MOST_STEPS = 1 << 21;

/**
 * Reads the states of the devices that `wanted` names, using the stream's own description. A section that the
 * description lacks, or that does not end where it should (s390-skeys …), is skipped. Stops at bytes that are not a
 * section. Damage is never an error.
 */
export function* readDevices(
  reader: StreamReader,
  at: number,
  described: readonly DeviceDescription[],
  wanted: (name: string) => boolean,
): LongWork<readonly DeviceState[]> {
  const walk = new StateWalk(reader);
  const places = placesOf(described);
  const found: DeviceState[] = [];
  let next = 0;
  reader.position = at;
  try {
    for (let i = 0; i < MOST_DEVICES && reader.u8() === SECTION.full; i++) {
      const id = reader.u32();
      const name = reader.name();
      const instance = reader.u32();
      reader.u32();
      const start = reader.position;
      const matching = places.next(name, instance, next);
      if (matching !== undefined) {
        next = matching + 1;
        const keep = wanted(name);
        const fields = walk.fields((described[matching] as DeviceDescription).state, keep);
        if (fields !== undefined && passFooter(reader, id)) {
          if (keep) found.push(new DeviceState(name, instance, reader, fields));
          continue;
        }
      }
      reader.position = start;
      yield;
      const behind = yield* findFooter(reader, id);
      if (behind === undefined) break;
      reader.position = behind;
    }
  } catch (error) {
    // The memory is complete whatever the state of the devices is like.
    if (!(error instanceof DumpError) || (error.code !== "TRUNCATED" && error.code !== "CORRUPT")) throw error;
  }
  return found;
}

/** Finds descriptions by name and instance, at or behind a place that only grows. */
function placesOf(described: readonly DeviceDescription[]) {
  const key = (name: string, instance: number) => `${instance} ${name}`;
  const places = new Map<string, number[]>();
  // The last place comes first, so that those passed can be taken away.
  for (let i = described.length - 1; i >= 0; i--) {
    const { name, instance } = described[i] as DeviceDescription;
    const list = places.get(key(name, instance));
    if (list === undefined) places.set(key(name, instance), [i]);
    else list.push(i);
  }
  return {
    next(name: string, instance: number, from: number): number | undefined {
      const list = places.get(key(name, instance)) ?? [];
      while ((list.at(-1) ?? from) < from) list.pop();
      return list.at(-1);
    },
  };
}

class StateWalk {
  #steps = 0;
  #fields = new Map<string, FieldPlace>();
  #keep = false;

  constructor(private readonly reader: StreamReader) {}

  /**
   * Walks the state at the reader's position; the reader is then behind it. Returns its fields if `keep` is true;
   * `undefined` if the data do not fit.
   */
  fields(state: StateDescription, keep: boolean): ReadonlyMap<string, FieldPlace> | undefined {
    this.#fields = new Map();
    this.#keep = keep;
    return this.#walk(state, "") ? this.#fields : undefined;
  }

  #walk({ fields, subsections }: StateDescription, before: string): boolean {
    const reader = this.reader;
    for (const { name, size, count, parts } of fields) {
      if (parts === undefined) {
        if (this.#steps++ > MOST_STEPS) throw this.#tooMany();
        if (size * count > reader.left) return false;
        if (this.#keep) this.#fields.set(before + name, { at: reader.position, size, count });
        reader.skip(size * count);
      } else {
        for (let i = 0; i < count; i++) {
          if (this.#steps++ > MOST_STEPS) throw this.#tooMany();
          const start = reader.position;
          const path = this.#keep ? `${before}${name}${count > 1 ? `[${i}]` : ""}.` : "";
          if (!this.#walk(parts, path)) return false;
          // Elements without bytes are all the same, however many there are.
          if (reader.position === start) break;
        }
      }
    }
    for (const part of subsections) {
      if (reader.peek() !== SECTION.subsection) return false;
      reader.u8();
      if (reader.name() !== part.name) return false;
      reader.u32();
      if (!this.#walk(part, `${before}${part.name}.`)) return false;
    }
    return true;
  }

  #tooMany(): DumpError {
    return damagedStream(this.reader.source, this.reader.position, "more fields of devices than any machine has");
  }
}
