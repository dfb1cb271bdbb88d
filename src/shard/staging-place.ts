import type { StoreThread } from "../store/open-store.js";
import { isStorePath } from "../store/store-url.js";
import { folderStagings } from "./folder-stagings.js";
import type { StagingPlace } from "./left-staging.js";

/** The stagings in a folder, or under a prefix of a store. Only places in stores call `store`. */
export async function stagingPlace(path: string, store: () => Promise<StoreThread>): Promise<StagingPlace> {
  if (!isStorePath(path)) return folderStagings(path);
  // Not loaded for folders.
  const { objectStagings } = await import("./object-stagings.js");
  return objectStagings(path, await store());
}
