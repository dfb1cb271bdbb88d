import { lstatSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DumpError } from "../errors.js";
import { HeldFolder } from "../reader/source/held-folder.js";
import type { StoreThread } from "../store/open-store.js";
import { isStorePath, parseStorePath } from "../store/store-url.js";
import { cannotBeCreated, outputFile } from "../writer/output-path.js";
import type { Sink } from "../writer/sink.js";
import { createStagingFolder, folderRange, folderSink } from "./folder-output.js";
import { folderStaging } from "./folder-staging.js";
import type { ShardPlan } from "./shard-plan.js";
import type { RangeTarget, Staging } from "./staging.js";

/** Where the output of a run comes into being: in a folder that all hosts share, or in a store. */
export interface OutputPlace {
  readonly output: string;
  readonly staging: Staging;
  /** Throws `OUTPUT_EXISTS` for an output that is there, unless it may be overwritten. */
  check(force: boolean): Promise<void>;
  /** Makes the place and the unfinished output in it. No error if they are there. */
  create(): Promise<void>;
  /** A stretch [start, end) of the unfinished output. */
  range(plan: ShardPlan, start: number, end: number): Promise<RangeTarget>;
  /** The unfinished output as a whole, for the job that finishes it. Two of them at once do no harm. */
  sink(plan: ShardPlan, force: boolean): Promise<Sink>;
  /** Nothing is done there any more, and nothing is in work. Never throws. */
  letGo(): void;
}

/**
 * The place of a run's output, beside it: `OUT.coresieve-ID`. `folder` is the one that the output is in, if it is held already; the place lets go of it.
 * Only places in stores ask for the store. Throws `NOT_WRITABLE`.
 */
export async function outputPlace(
  output: string,
  id: string,
  store: () => Promise<StoreThread>,
  folder?: HeldFolder,
): Promise<OutputPlace> {
  return isStorePath(output) ? objectPlace(output, id, await store()) : folderPlace(output, id, folder);
}

/** Both folders are looked up once: whoever exchanges them, or puts links in their place, changes nothing about where the output comes into being. */
function folderPlace(output: string, id: string, known: HeldFolder | undefined): OutputPlace {
  const folder = known ?? openFolder(output);
  const name = basename(output);
  const stage = folder.within(`${name}.coresieve-${id}`);
  const file = () => join(folder.path(), name);
  return {
    output,
    staging: folderStaging(folder, stage),
    async check(force) {
      // Hosts may see other things behind a link, so the file itself has to be named.
      const target = outputFile(output);
      if (target !== output) throw outputExists(output, `is a symbolic link to ${target}`, `Name ${target} itself`);
      const there = lstatSync(file(), { throwIfNoEntry: false });
      if (there === undefined || (force && there.isFile())) return;
      throw outputExists(output, there.isFile() ? "is there already" : "is not a regular file");
    },
    create: () => createStagingFolder(folder, stage),
    range: (_, start, end) => folderRange(stage, start, end),
    sink: (_, force) => folderSink(stage, file(), force),
    letGo() {
      stage.letGo();
      folder.letGo();
    },
  };
}

function openFolder(output: string): HeldFolder {
  try {
    return HeldFolder.open(dirname(output));
  } catch (error) {
    throw cannotBeCreated(output, error);
  }
}

async function objectPlace(output: string, id: string, store: StoreThread): Promise<OutputPlace> {
  // Who works in folders needs none of it.
  const [{ objectRange, objectRunSink }, { objectStaging }] = await Promise.all([
    import("./object-output.js"),
    import("./object-staging.js"),
  ]);
  const at = parseStorePath(output);
  const staging = objectStaging(store, at, id);
  return {
    ...{ output, staging },
    async check(force) {
      if (!force && (await store.head(at)) !== undefined) throw outputExists(output, "is there already");
    },
    create: () => staging.create(),
    range: (plan, start, end) => objectRange(store, at, staging, plan, start, end),
    sink: (plan, force) => objectRunSink(store, at, staging, plan, force),
    letGo: () => undefined,
  };
}

function outputExists(
  output: string,
  what: string,
  cure = "Submit it with -f to overwrite it, or name another output",
): DumpError {
  return new DumpError("OUTPUT_EXISTS", what, { file: output, cure });
}
