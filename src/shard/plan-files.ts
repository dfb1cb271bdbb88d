import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createInflateRaw, deflateRawSync } from "node:zlib";
import { DumpError } from "../errors.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { StrictObjects, StrictPages } from "../filter/privacy/strict/strict-pages.js";
import { packageVersion } from "../package-version.js";
import type { PageBitmap } from "../reader/bitmap.js";
import type { BitmapPieces } from "../reader/bitmap-pieces.js";
import { placesIn, type Stretches, stretchesOver } from "../reader/stretches.js";
import { letGo } from "../store/collect-garbage.js";
import { sharedBytes } from "../store/shared-bytes.js";
import { fromPlainJson, toPlainJson } from "./plain-json.js";
import { sha256 } from "./sealed.js";
import type { ShardPlan } from "./shard-plan.js";
import type { Staging } from "./staging.js";

/** Increased when the meaning of a plan's files changes. */
const VERSION = 5;
const PLAN = "plan.json";
/** The bitmap of kept pages, as it is. */
export const KEPT_FILE = "kept";
/** The most bytes of a plan: notes of 8192 CPUs are 4 MiB. */
const MAX_PLAN = 256 << 20;
/** Bytes that are unpacked at once. */
const UNPACKED = 256 << 10;

/** A large array of the plan, stored in its own file. */
interface ArrayFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A bitmap: its bytes, and its stretches. */
interface BitmapFile extends ArrayFile {
  readonly stretches: readonly (readonly [start: number, end: number])[];
}

/** Pieces of memory to overwrite: `EraseSpans`. */
interface EraseFiles {
  readonly start: ArrayFile;
  readonly end: ArrayFile;
  readonly fill: number;
  readonly repeat?: { readonly every: ArrayFile; readonly count: ArrayFile };
}

type Small = Omit<ShardPlan, "exists" | "keptBits" | "erase" | "stackTops" | "strict">;

interface PlanFile {
  readonly version: number;
  readonly plan: Small;
  /** Its file is packed (deflate), because only the finishing job needs it; length and digest are those of the bitmap. */
  readonly exists: BitmapFile;
  readonly keptBits: BitmapFile;
  readonly erase: readonly EraseFiles[];
  readonly stackTops:
    | { readonly pages: BitmapFile; readonly frame: NonNullable<ShardPlan["stackTops"]>["frame"] }
    | undefined;
  readonly strict: StrictFiles | undefined;
}

/** What `--privacy strict` keeps, with its arrays as files. */
interface StrictFiles {
  readonly words: Omit<StrictPages["words"], "addresses">;
  readonly addresses: ArrayFile;
  readonly asIs: BitmapFile;
  readonly shapes: StrictPages["shapes"];
  readonly masks: ArrayFile;
  readonly kinds: ArrayFile;
  readonly objects: readonly Readonly<Record<keyof StrictObjects, ArrayFile>>[];
  readonly free: ArrayFile;
}

/** A plan as the files of a staging. The same plan gives the same files on every host. */
export interface PlanFiles {
  /** Digest of the whole plan. */
  readonly digest: string;
  /** In the order of writing. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export async function planFiles(plan: ShardPlan): Promise<PlanFiles> {
  const { exists, keptBits, erase, stackTops, strict, ...small } = plan;
  const files = new Map<string, Uint8Array>();
  const existing = await bytesOf(exists);
  const array = (name: string, values: Uint8Array | Float64Array | Int32Array): ArrayFile => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    files.set(name, bytes);
    return { name, bytes: bytes.length, sha256: sha256(bytes) };
  };
  const bitmap = (name: string, { stretches, bytes }: PageBitmap): BitmapFile => ({
    ...array(name, bytes),
    stretches: Array.from(stretches.start, (start, i) => [start, stretches.end[i] as number] as const),
  });
  const spans = ({ start, end, fill, repeat }: EraseSpans, i: number) => ({
    start: array(`erase-${i}-start`, start),
    end: array(`erase-${i}-end`, end),
    fill,
    ...(repeat && {
      repeat: { every: array(`erase-${i}-every`, repeat.every), count: array(`erase-${i}-count`, repeat.count) },
    }),
  });
  const file: PlanFile = {
    version: VERSION,
    plan: small,
    exists: bitmap("exists", { stretches: exists.stretches, bytes: existing }),
    keptBits: bitmap(KEPT_FILE, keptBits),
    erase: erase.map(spans),
    stackTops: stackTops && { pages: bitmap("stack-tops", stackTops.pages), frame: stackTops.frame },
    strict: strict && strictFiles(strict, array, bitmap),
  };
  files.set("exists", deflateRawSync(existing, { level: 1 }));
  const bytes = Buffer.from(toPlainJson(file), "utf8");
  files.set(PLAN, bytes);
  return { digest: sha256(bytes), files };
}

/** Writes a plan into its staging. */
export async function writePlan(staging: Staging, { files }: PlanFiles): Promise<void> {
  for (const [name, bytes] of files) await staging.write(name, bytes);
}

/**
 * Reads the plan of a staging. Throws `CORRUPT` if a file was changed, `UNSUPPORTED` for the plan of another version of
 * this program: its encoding or file layout may differ in ways that no digest of samples shows.
 */
export async function readPlan(staging: Staging): Promise<ShardPlan> {
  const bytes = await staging.read(PLAN);
  if (bytes === undefined || bytes.length > MAX_PLAN || sha256(bytes) !== staging.plan) {
    throw damagedPlan(staging.name, PLAN, bytes === undefined ? "is not there" : "is not the plan of this run");
  }
  const file = fromPlainJson(Buffer.from(bytes).toString("utf8")) as PlanFile;
  const here = packageVersion();
  if (file.version !== VERSION || file.plan.program !== here) {
    const there = file.plan.program === here ? `form ${file.version}` : `coresieve ${file.plan.program}`;
    throw new DumpError("UNSUPPORTED", `is the plan of ${there}, and this is coresieve ${here}`, {
      file: staging.name,
      cure: "Run the same version of coresieve on all workers; a run that failed is planned anew when it is submitted again",
    });
  }
  const array = async ({ name, bytes: length, sha256: sum }: ArrayFile): Promise<Uint8Array> => {
    const found = await staging.read(name);
    if (found === undefined || found.length !== length || sha256(found) !== sum) {
      throw damagedPlan(staging.name, name, found === undefined ? "is not there" : "was changed after it was written");
    }
    // From a store, or from the planner's own memory, the bytes are shared already: a copy would take 32 MiB per TiB.
    if (found.buffer instanceof SharedArrayBuffer && found.byteOffset === 0) return found;
    const shared = sharedBytes(length);
    shared.set(found);
    return shared;
  };
  const stretchesOf = ({ name, bytes, stretches: list }: BitmapFile) => {
    const stretches = stretchesOver(
      list.map(([start, end]) => ({ start, end })),
      0,
    );
    if (placesIn(stretches) !== 8 * bytes) throw damagedPlan(staging.name, name, "was changed after it was written");
    return stretches;
  };
  const bitmap = async (file: BitmapFile): Promise<PageBitmap> => ({
    stretches: stretchesOf(file),
    bytes: await array(file),
  });
  const exists = await packedBitmap(staging, file.exists, stretchesOf(file.exists));
  const erase: EraseSpans[] = [];
  const numbers = async (file: ArrayFile) => {
    const { buffer, length } = await array(file);
    return new Float64Array(buffer, 0, length / 8);
  };
  for (const { start, end, fill, repeat } of file.erase) {
    erase.push({
      start: await numbers(start),
      end: await numbers(end),
      fill,
      ...(repeat && { repeat: { every: await numbers(repeat.every), count: await numbers(repeat.count) } }),
    });
  }
  return {
    ...file.plan,
    exists,
    keptBits: await bitmap(file.keptBits),
    erase,
    stackTops: file.stackTops && {
      pages: await bitmap(file.stackTops.pages),
      frame: file.stackTops.frame,
    },
    strict: file.strict && (await strictPages(file.strict, array, numbers, bitmap)),
  };
}

/** A bitmap whose file is packed, checked once: it stays packed, and whoever needs its bytes gets them in pieces. */
async function packedBitmap(staging: Staging, file: BitmapFile, stretches: Stretches): Promise<BitmapPieces> {
  const packed = await staging.read(file.name);
  if (packed === undefined) throw damagedPlan(staging.name, file.name, "is not there");
  // The plan keeps these for long: they must not hold the staging, because the planner's own has all files in memory.
  const { name: place } = staging;
  const pieces = async function* () {
    const hash = createHash("sha256");
    let length = 0;
    try {
      const unpacked = Readable.from([packed]).pipe(createInflateRaw({ chunkSize: UNPACKED }));
      for await (const piece of unpacked as AsyncIterable<Uint8Array>) {
        length += piece.length;
        if (length > file.bytes) break;
        hash.update(piece);
        yield piece;
        letGo(piece.length);
      }
    } catch {
      throw damagedPlan(place, file.name, "was changed after it was written");
    }
    if (length !== file.bytes || hash.digest("hex") !== file.sha256)
      throw damagedPlan(place, file.name, "was changed after it was written");
  };
  for await (const _ of pieces());
  return { stretches, pieces };
}

async function bytesOf(bitmap: BitmapPieces): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bitmap.pieces()) pieces.push(piece);
  // Mostly the one piece that the planner wrote.
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

function strictFiles(
  { words: { addresses, ...words }, asIs, shapes, masks, kinds, objects, free }: StrictPages,
  array: (name: string, values: Uint8Array | Float64Array | Int32Array) => ArrayFile,
  bitmap: (name: string, bits: PageBitmap) => BitmapFile,
): StrictFiles {
  return {
    words,
    addresses: array("strict-addresses", addresses),
    asIs: bitmap("strict-as-is", asIs),
    shapes,
    masks: array("strict-masks", masks),
    kinds: array("strict-kinds", kinds),
    objects: objects.map(({ start, stride, count, shape, free: states }, i) => ({
      start: array(`strict-${i}-start`, start),
      stride: array(`strict-${i}-stride`, stride),
      count: array(`strict-${i}-count`, count),
      shape: array(`strict-${i}-shape`, shape),
      free: array(`strict-${i}-free`, states),
    })),
    free: array("strict-free", free),
  };
}

async function strictPages(
  { words, addresses, asIs, shapes, masks, kinds, objects, free }: StrictFiles,
  array: (file: ArrayFile) => Promise<Uint8Array>,
  numbers: (file: ArrayFile) => Promise<Float64Array>,
  bitmap: (file: BitmapFile) => Promise<PageBitmap>,
): Promise<StrictPages> {
  const indices = async (file: ArrayFile) => {
    const { buffer, length } = await array(file);
    return new Int32Array(buffer, 0, length / 4);
  };
  const lists: StrictObjects[] = [];
  for (const { start, stride, count, shape, free: states } of objects) {
    lists.push({
      ...{ start: await numbers(start), stride: await numbers(stride), count: await numbers(count) },
      ...{ shape: await indices(shape), free: await numbers(states) },
    });
  }
  return {
    words: { ...words, addresses: await numbers(addresses) },
    ...{ asIs: await bitmap(asIs), shapes, masks: await array(masks), kinds: await array(kinds) },
    ...{ objects: lists, free: await array(free) },
  };
}

/** The error of a file of a plan. */
export function damagedPlan(staging: string, name: string, what: string): DumpError {
  return new DumpError("CORRUPT", `its file ${name} ${what}`, {
    file: staging,
    cure: "Retry the run, or submit the dump again: it is planned again",
  });
}
