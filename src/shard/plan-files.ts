import { createHash } from "node:crypto";
import { DumpError } from "../errors.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { PageBitmap } from "../reader/bitmap.js";
import { placesIn, stretchesOver } from "../reader/stretches.js";
import { fromPlainJson, toPlainJson } from "./plain-json.js";
import type { ShardPlan } from "./shard-plan.js";
import type { Staging } from "./staging.js";

/** Changes when the files of a plan mean something else. */
const VERSION = 2;
const PLAN = "plan.json";
/** Beyond it a plan is none of ours: notes of 8192 CPUs are 4 MiB. */
const MAX_PLAN = 256 << 20;

/** A large array of the plan, in a file of its own. */
interface ArrayFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A bitmap: its bytes, and the pages that they are of. */
interface BitmapFile extends ArrayFile {
  readonly stretches: readonly (readonly [start: number, end: number])[];
}

type Small = Omit<ShardPlan, "exists" | "keptBits" | "erase" | "stackTops">;

interface PlanFile {
  readonly version: number;
  readonly plan: Small;
  readonly exists: BitmapFile;
  readonly keptBits: BitmapFile;
  readonly erase: readonly { readonly start: ArrayFile; readonly end: ArrayFile; readonly fill: number }[];
  readonly stackTops:
    | { readonly pages: BitmapFile; readonly frame: NonNullable<ShardPlan["stackTops"]>["frame"] }
    | undefined;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes a plan into the staging folder. Returns its digest, which vouches for all of it. */
export async function writePlan(staging: Staging, plan: ShardPlan): Promise<string> {
  const { exists, keptBits, erase, stackTops, ...small } = plan;
  const array = async (name: string, values: Uint8Array | Float64Array): Promise<ArrayFile> => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    await staging.write(name, bytes);
    return { name, bytes: bytes.length, sha256: sha256(bytes) };
  };
  const bitmap = async (name: string, { stretches, bytes }: PageBitmap): Promise<BitmapFile> => ({
    ...(await array(name, bytes)),
    stretches: Array.from(stretches.start, (start, i) => [start, stretches.end[i] as number] as const),
  });
  const spans = async ({ start, end, fill }: EraseSpans, i: number) => ({
    start: await array(`erase-${i}-start`, start),
    end: await array(`erase-${i}-end`, end),
    fill,
  });
  const file: PlanFile = {
    version: VERSION,
    plan: small,
    exists: await bitmap("exists", exists),
    keptBits: await bitmap("kept", keptBits),
    erase: await Promise.all(erase.map(spans)),
    stackTops: stackTops && { pages: await bitmap("stack-tops", stackTops.pages), frame: stackTops.frame },
  };
  const bytes = Buffer.from(toPlainJson(file), "utf8");
  await staging.write(PLAN, bytes);
  return sha256(bytes);
}

/** Reads the plan with that digest. Throws `CORRUPT` for what is not as it was written. */
export async function readPlan(staging: Staging, digest: string): Promise<ShardPlan> {
  const bytes = await staging.read(PLAN);
  if (bytes === undefined || bytes.length > MAX_PLAN || sha256(bytes) !== digest) {
    throw damaged(staging, PLAN, bytes === undefined ? "is not there" : "is not the plan of this run");
  }
  const file = fromPlainJson(Buffer.from(bytes).toString("utf8")) as PlanFile;
  if (file.version !== VERSION) {
    throw new DumpError("UNSUPPORTED", `is a plan of version ${file.version}; this worker knows version ${VERSION}`, {
      file: staging.name,
      cure: "Run the same version of coresieve on all workers",
    });
  }
  const array = async ({ name, bytes: length, sha256: sum }: ArrayFile): Promise<SharedArrayBuffer> => {
    const found = await staging.read(name);
    if (found === undefined || found.length !== length || sha256(found) !== sum) {
      throw damaged(staging, name, found === undefined ? "is not there" : "is not as it was written");
    }
    const shared = new SharedArrayBuffer(length);
    new Uint8Array(shared).set(found);
    return shared;
  };
  const bitmap = async (file: BitmapFile): Promise<PageBitmap> => {
    const bytes = new Uint8Array(await array(file));
    const stretches = stretchesOver(
      file.stretches.map(([start, end]) => ({ start, end })),
      0,
    );
    if (placesIn(stretches) !== 8 * bytes.length) throw damaged(staging, file.name, "is not as it was written");
    return { stretches, bytes };
  };
  const erase: EraseSpans[] = [];
  for (const { start, end, fill } of file.erase) {
    erase.push({ start: new Float64Array(await array(start)), end: new Float64Array(await array(end)), fill });
  }
  return {
    ...file.plan,
    exists: await bitmap(file.exists),
    keptBits: await bitmap(file.keptBits),
    erase,
    stackTops: file.stackTops && {
      pages: await bitmap(file.stackTops.pages),
      frame: file.stackTops.frame,
    },
  };
}

function damaged(staging: Staging, name: string, what: string): DumpError {
  return new DumpError("CORRUPT", `its file ${name} ${what}`, {
    file: staging.name,
    cure: "Cancel the run and submit the dump again",
  });
}
