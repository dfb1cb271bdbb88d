import type { StoreThread } from "../store/open-store.js";
import { parseStorePath, storePath } from "../store/store-url.js";
import type { FoundStaging, StagingPlace } from "./left-staging.js";
import { objectPlace } from "./object-place.js";
import { runPrefix } from "./object-staging.js";
import { isStagingFile, parseStaging } from "./staging-names.js";

/**
 * Finds stagings in a bucket, or under a prefix: a staging's own, or any shorter one. Each staging is listed
 * separately.
 */
export function objectStagings(path: string, store: StoreThread): StagingPlace {
  const at = parseStorePath(path, true);
  return {
    async *find() {
      const seen = new Set<string>();
      for (const { key } of await store.list(at)) {
        const found = stagingIn(at.bucket, key);
        if (found === undefined || seen.has(found.path)) continue;
        seen.add(found.path);
        yield found;
      }
    },
    async look(found) {
      const prefix = runPrefix(parseStorePath(found.output), found.id);
      const objects = await store.list(prefix);
      if (objects.length === 0) return undefined;
      let [bytes, written] = [0, 0];
      let foreign: string | undefined;
      for (const { key, size, modified } of objects) {
        const name = key.slice(prefix.key.length);
        if (!isStagingFile(name)) foreign ??= name;
        bytes += size;
        // If the store does not report a time, the object counts as written just now.
        written = Math.max(written, modified ?? Number.POSITIVE_INFINITY);
      }
      return { ...found, bytes, written, foreign };
    },
    remove: ({ output, id }) => objectPlace(output, id, store).remove(),
  };
}

/** The outermost staging that a key belongs to. */
function stagingIn(bucket: string, key: string): FoundStaging | undefined {
  for (let at = key.indexOf("/"); at >= 0; at = key.indexOf("/", at + 1)) {
    const found = parseStaging(key.slice(0, at));
    if (found === undefined) continue;
    const output = storePath({ bucket, key: found.output });
    return { path: storePath({ bucket, key: key.slice(0, at + 1) }), output, id: found.id };
  }
  return undefined;
}
