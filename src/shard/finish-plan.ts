import { createHash } from "node:crypto";
import { damagedPlan, KEPT_FILE } from "./plan-files.js";
import { sha256 } from "./sealed.js";
import { withPieces } from "./shard-layout.js";
import type { FinishPlan, ShardPlan } from "./shard-plan.js";
import type { Staging } from "./staging.js";

/** Smaller bitmaps stay in memory: those of 256 GiB. */
const LARGE = 8 << 20;

/**
 * A plan for the job that finishes its output: a large bitmap of kept pages, 32 MiB for each TiB, is not in it, but comes from the staging in pieces when it is written. The memory is free only when
 * nobody has the whole plan any more, and a function that has awaited it has it until it ends. So it is read here.
 */
export async function planToFinish(
  read: () => Promise<ShardPlan>,
  staging: Staging,
  large = LARGE,
): Promise<FinishPlan> {
  const plan = await read();
  const { stretches, bytes } = plan.keptBits;
  if (plan.output.elf !== undefined || bytes.length < large) return plan;
  const [length, sum] = [bytes.length, sha256(bytes)];
  const pieces = async function* () {
    const hash = createHash("sha256");
    let done = 0;
    for await (const piece of staging.pieces(KEPT_FILE)) {
      done += piece.length;
      if (done > length) break;
      hash.update(piece);
      yield piece;
    }
    if (done !== length || hash.digest("hex") !== sum) {
      throw damagedPlan(staging.name, KEPT_FILE, done === 0 ? "is not there" : "was changed after it was written");
    }
  };
  return withPieces(plan, { stretches, pieces });
}
