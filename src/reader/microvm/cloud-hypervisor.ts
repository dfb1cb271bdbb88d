import { DumpError } from "../../errors.js";
import { either } from "../../option-words.js";
import type { Dump } from "../dump.js";
import type { Piece } from "../extents.js";
import type { FormatOptions } from "../format.js";
import { behindState, layOutMemory, memoryBeside } from "../raw/beside-file.js";
import { memoryDump } from "../raw/memory-dump.js";
import { readExactly } from "../source/byte-source.js";
import { sourceSize } from "../source/joined-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { consecutivePieces, type Range, rangesIn } from "./range-lists.js";

/*
 * Snapshots of cloud-hypervisor (`ch-remote snapshot file:///DIR`): state.json, config.json, and memory-ranges, which
 * has the memory of all ranges, one after the other. The state is a tree of named snapshots. That of the memory manager
 * has {"memory_ranges": {"data": [{"gpa", "length"}]}} as an object, as JSON in a text, or, before version 28, as an
 * array of bytes (JSON, or plain numbers). The oldest versions have "memory_regions" with a file each.
 */

const MANAGER = "memory-manager";
const MAX_STATE = 64 << 20;
/** The deepest nesting that is searched: a text in an object in a section in a snapshot. */
const MAX_DEPTH = 12;
const CURE = "Copy the folder of the snapshot again; state.json and memory-ranges must be of the same one";

/**
 * Opens a snapshot: state.json, and memory-ranges, from the same folder or named by the user. Throws `CORRUPT`,
 * `TRUNCATED`, `LIMIT`, `NOT_READABLE`, `UNSUPPORTED`.
 */
export function openCloudHypervisor(images: readonly SourceImage[], options: FormatOptions): Dump {
  const [state, named] = images as readonly [SourceImage, SourceImage | undefined];
  const manager = managerState(state);
  const old = regionFiles(manager);
  if (old !== undefined) throw severalFiles(state.file.path, old);
  const beside = (path: string) => path.replace(/state\.json$/, "memory-ranges");
  const memory = memoryBeside(state, named, { state: "state.json", memory: "memory-ranges" }, beside, options);
  try {
    const pieces = piecesIn(manager, sourceSize(memory.image));
    if (pieces === undefined) throw damaged(state.file.path, "has no list of memory ranges");
    const { data, cut } = layOutMemory({ pieces, ...behindState(state, memory.image) }, state, memory.image, options);
    return memoryDump(
      {
        sources: [state, memory.image],
        data,
        format: "cloud-hypervisor",
        description: `cloud-hypervisor snapshot, memory in ${memory.image.file.path}`,
        incomplete: cut,
      },
      options,
    );
  } catch (error) {
    memory.close();
    throw error;
  }
}

/** The memory manager's part of the state. */
function managerState(state: SourceImage): unknown {
  const source = attachSource(state);
  if (source.size > MAX_STATE) {
    throw new DumpError("LIMIT", `is a state of ${source.size} bytes; at most ${MAX_STATE} are read`, {
      file: source.name,
      cure: CURE,
    });
  }
  const tree = parsed(readExactly(source, 0, source.size, "state"));
  if (tree === undefined) throw damaged(source.name, "is not whole JSON");
  const found = memberNamed(tree, MANAGER, 0);
  if (found === undefined) throw damaged(source.name, "has no state of a memory manager");
  return found;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
}

function memberNamed(value: unknown, name: string, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return undefined;
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  for (const member of Object.values(value)) {
    const found = memberNamed(member, name, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The values inside of a value that are searched: an object's members, the content of a JSON text, the content of an
 * array of bytes.
 */
function within(value: unknown): unknown[] {
  if (typeof value === "string") return value.startsWith("{") ? [parsed(Buffer.from(value))] : [];
  if (typeof value !== "object" || value === null) return [];
  return isBytes(value) ? [parsed(Uint8Array.from(value))] : Object.values(value);
}

function isBytes(value: object): value is number[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((one) => Number.isInteger(one) && one >= 0 && one < 256)
  );
}

/** The first result of `find` for a value or a value inside of it. */
function firstIn<T>(value: unknown, find: (one: object) => T | undefined, depth = 0): T | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const here = typeof value === "object" && value !== null ? find(value) : undefined;
  if (here !== undefined) return here;
  for (const member of within(value)) {
    const found = firstIn(member, find, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The memory ranges, anywhere in the manager's state. */
function piecesIn(manager: unknown, size: number): Piece[] | undefined {
  return firstIn(manager, (one) => {
    if ("memory_ranges" in one) return consecutivePieces(rangesOf(one.memory_ranges));
    return isBytes(one) ? rangesIn(Uint8Array.from(one), size) : undefined;
  });
}

function rangesOf(table: unknown): Range[] {
  const data = typeof table === "object" && table !== null && "data" in table ? table.data : undefined;
  if (!Array.isArray(data)) return [];
  return data.map((one: unknown) => ({ start: numberIn(one, "gpa"), length: numberIn(one, "length") }));
}

function numberIn(value: unknown, name: string): number {
  const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof found === "number" ? found : Number.NaN;
}

/** Files and addresses of a snapshot that has a file for each range. */
function regionFiles(manager: unknown): string[] | undefined {
  return firstIn(manager, (one) => {
    if (!("memory_regions" in one) || !Array.isArray(one.memory_regions)) return undefined;
    const starts = one.memory_regions.map((region: unknown) => numberIn(region, "start_addr"));
    if (!starts.every(Number.isSafeInteger)) return undefined;
    return starts.map((start, i) => `memory-region-${i}@0x${start.toString(16)}`);
  });
}

function severalFiles(file: string, files: readonly string[]): DumpError {
  const names = files.slice(0, 8).join(" ");
  return new DumpError("UNSUPPORTED", "is the state of an old cloud-hypervisor, with a file for each range of memory", {
    file,
    cure: `Give those with their addresses: ${either(`\`coresieve ${names} OUT\``, `openDump with ${names}`)}`,
  });
}

function damaged(file: string, what: string): DumpError {
  return new DumpError("CORRUPT", what, { file, cure: CURE });
}
