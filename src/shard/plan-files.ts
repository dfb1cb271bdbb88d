import { createHash } from "node:crypto";
import { DumpError } from "../errors.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import { fromPlainJson, toPlainJson } from "./plain-json.js";
import type { ShardPlan } from "./shard-plan.js";
import type { Staging } from "./staging.js";

/** Changes when the files of a plan mean something else. */
const VERSION = 1;
const PLAN = "plan.json";
/** Beyond it a plan is none of ours: notes of 8192 CPUs are 4 MiB. */
const MAX_PLAN = 256 << 20;

/** A large array of the plan, in a file of its own. */
interface ArrayFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

type Small = Omit<ShardPlan, "exists" | "keptBits" | "erase" | "stackTops">;

interface PlanFile {
  readonly version: number;
  readonly plan: Small;
  readonly exists: ArrayFile;
  readonly keptBits: ArrayFile;
  readonly erase: readonly { readonly start: ArrayFile; readonly end: ArrayFile; readonly fill: number }[];
  readonly stackTops:
    | { readonly pages: ArrayFile; readonly frame: NonNullable<ShardPlan["stackTops"]>["frame"] }
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
  const spans = async ({ start, end, fill }: EraseSpans, i: number) => ({
    start: await array(`erase-${i}-start`, start),
    end: await array(`erase-${i}-end`, end),
    fill,
  });
  const file: PlanFile = {
    version: VERSION,
    plan: small,
    exists: await array("exists", exists),
    keptBits: await array("kept", keptBits),
    erase: await Promise.all(erase.map(spans)),
    stackTops: stackTops && { pages: await array("stack-tops", stackTops.pages), frame: stackTops.frame },
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
  const erase: EraseSpans[] = [];
  for (const { start, end, fill } of file.erase) {
    erase.push({ start: new Float64Array(await array(start)), end: new Float64Array(await array(end)), fill });
  }
  return {
    ...file.plan,
    exists: new Uint8Array(await array(file.exists)),
    keptBits: new Uint8Array(await array(file.keptBits)),
    erase,
    stackTops: file.stackTops && {
      pages: new Uint8Array(await array(file.stackTops.pages)),
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
