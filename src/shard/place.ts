import type { Sink } from "../writer/sink.js";
import type { OutputAccess } from "./output-access.js";
import type { ShardDone, ShardPlace } from "./shard-done.js";
import type { ShardPlan } from "./shard-plan.js";
import type { RangeTarget, Staging } from "./staging.js";

/** Where the output of a run comes into being: in a folder that all hosts share, or in a store. Beside it is the run's staging, `OUT.coresieve-ID`. */
export interface OutputPlace {
  readonly output: string;
  /** Throws `OUTPUT_EXISTS` for an output that is there, unless it may be overwritten. */
  check(force: boolean): Promise<void>;
  /** Where all lies that belongs to the plan with that digest. Nothing is made or looked for. */
  of(plan: string): PlanPlace;
  /** Removes the staging, all plans in it and their unfinished outputs; but for that plan's, where one is named. No error if there is nothing. */
  remove(but?: string): Promise<void>;
  /** Removes what belongs to that plan, and the staging if nothing else is in it. */
  removePlan(plan: string): Promise<void>;
  /** Nothing is done there any more, and nothing is in work. Never throws. */
  letGo(): void;
}

/** What belongs to one plan: its staging and its unfinished output. */
export interface PlanPlace {
  readonly staging: Staging;
  /** Makes the place and the unfinished output in it. No error if they are there; what is only named there, but gone, is made again. */
  create(): Promise<void>;
  /** A stretch [start, end) of the unfinished output. */
  range(plan: ShardPlan, start: number, end: number): Promise<RangeTarget>;
  /** Looks once. What comes back says of a shard whether the unfinished output has as many bytes, or the parts, that it wrote. */
  has(plan: ShardPlan): Promise<(done: ShardPlace) => boolean>;
  /** Whether the data of a shard in the unfinished output are those that it wrote: reads them back in a folder, asks for checksums in a store. */
  isSame(plan: ShardPlan, done: ShardDone): Promise<boolean>;
  /** The unfinished output as a whole, for the job that finishes it. Two of them at once do no harm. */
  sink(plan: ShardPlan, force: boolean, access?: OutputAccess): Promise<Sink>;
}
