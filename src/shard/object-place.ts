import { UPLOADS_UNKNOWN } from "../store/lost-uploads.js";
import type { StoreThread } from "../store/open-store.js";
import type { ObjectLocation } from "../store/store-types.js";
import { parseStorePath } from "../store/store-url.js";
import { inOrder } from "../worker/pool.js";
import { objectHas, objectRange, objectRunSink } from "./object-output.js";
import { objectStaging, runPrefix } from "./object-staging.js";
import { outputExists } from "./output-exists.js";
import type { OutputPlace, PlanPlace } from "./place.js";
import { AT_ONCE } from "./shard-done.js";
import { planFolder } from "./staging.js";

/** An output in a store. */
export function objectPlace(output: string, id: string, store: StoreThread): OutputPlace {
  const at = parseStorePath(output);
  const run = runPrefix(at, id);
  const stagingAt = (folder: string, plan: string) =>
    objectStaging(store, at, { bucket: run.bucket, key: `${run.key}${folder}` }, plan, () => {
      isUnsure = true;
    });
  let isUnsure = false;
  return {
    output,
    async check(force) {
      if (!force && (await store.head(at)) !== undefined) throw outputExists(output, "exists already");
    },
    of: (plan) => planPlace(store, at, stagingAt(`${planFolder(plan)}/`, plan)),
    async remove(but) {
      const kept = but === undefined ? undefined : `${planFolder(but)}/`;
      const keys = (await store.list(run))
        .map(({ key }) => key)
        .filter((key) => kept === undefined || !key.startsWith(run.key + kept));
      // Each plan has an upload, which is ended first. Objects outside of the plans' places are of an earlier version,
      // or unknown.
      const folders = new Set(keys.map((key) => key.slice(run.key.length).replace(/[^/]*$/, "")));
      for (const folder of folders) await stagingAt(folder, "").endUpload();
      const removed = inOrder(keys, (key) => store.remove({ bucket: run.bucket, key }), AT_ONCE);
      for await (const _ of removed);
    },
    removePlan: (plan) => stagingAt(`${planFolder(plan)}/`, plan).remove(),
    unsure: () => (isUnsure ? `${output}: ${UPLOADS_UNKNOWN}` : undefined),
    letGo: () => undefined,
  };
}

function planPlace(store: StoreThread, at: ObjectLocation, staging: ReturnType<typeof objectStaging>): PlanPlace {
  return {
    staging,
    create: () => staging.create(),
    range: (plan, start, end) => objectRange(store, at, staging, plan, start, end),
    rangeFrom: (plan, start) => objectRange(store, at, staging, plan, start, undefined),
    has: (plan) => objectHas(store, at, staging, plan),
    isSame: async (plan, done) => (await objectHas(store, at, staging, plan))(done),
    sink: (plan, force) => objectRunSink(store, at, staging, plan, force),
  };
}
