import type { Sink } from "../writer/sink.js";
import type { OutputAccess } from "./output-access.js";
import type { ShardDone, ShardPlace } from "./shard-done.js";
import type { FinishPlan } from "./shard-plan.js";
import type { RangeTarget, Staging } from "./staging.js";

/**
 * Where the output of a run is made: in a folder that all hosts share, or in a store. The run's staging,
 * `OUT.coresieve-ID`, is next to it.
 */
export interface OutputPlace {
  readonly output: string;
  /** Throws `OUTPUT_EXISTS` if the output exists, unless it may be overwritten. */
  check(force: boolean): Promise<void>;
  /** The place of everything that belongs to the plan with that digest. Makes and looks for nothing. */
  of(plan: string): PlanPlace;
  /**
   * Removes the staging with all plans in it and their unfinished outputs; except those of plan `but`, if given. Not an
   * error if there is nothing.
   */
  remove(but?: string): Promise<void>;
  /** Removes everything that belongs to that plan, and the staging if it is then empty. */
  removePlan(plan: string): Promise<void>;
  /** A line that says what may be left after a removal, and why that is not known. */
  unsure?(): string | undefined;
  /** Releases the place; nothing may be running there. Never throws. */
  letGo(): void;
}

/** The part of a place that belongs to one plan: its staging and its unfinished output. */
export interface PlanPlace {
  readonly staging: Staging;
  /**
   * Makes the place and the unfinished output in it. Not an error if they exist; an unfinished output that is named but
   * gone is made again.
   */
  create(): Promise<void>;
  /** A range [start, end) of the unfinished output. */
  range(plan: FinishPlan, start: number, end: number): Promise<RangeTarget>;
  /** The same for a range that ends where writing ends. Only in a store. */
  rangeFrom?(plan: FinishPlan, start: number): Promise<RangeTarget>;
  /**
   * Reads the state of the unfinished output once. Returns a function that says whether it has the bytes, or the parts,
   * that a shard recorded.
   */
  has(plan: FinishPlan): Promise<(done: ShardPlace) => boolean>;
  /**
   * Whether the data of a shard in the unfinished output are those that it wrote: reads them back in a folder, compares
   * checksums in a store.
   */
  isSame(plan: FinishPlan, done: ShardDone): Promise<boolean>;
  /** The whole unfinished output, for the job that finishes it. Two such jobs at once do no harm. */
  sink(plan: FinishPlan, force: boolean, access?: OutputAccess): Promise<Sink>;
}
