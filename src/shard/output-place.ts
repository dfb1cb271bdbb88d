import type { HeldFolder } from "../reader/source/held-folder.js";
import type { StoreThread } from "../store/open-store.js";
import { isStorePath } from "../store/store-url.js";
import { folderPlace } from "./folder-place.js";
import type { OutputPlace } from "./place.js";

/**
 * The place of a run's output. `folder` is the folder of the output, if it is held already; the place releases it. Only
 * places in stores call `store`. Throws `NOT_WRITABLE`.
 */
export async function outputPlace(
  output: string,
  id: string,
  store: () => Promise<StoreThread>,
  folder?: HeldFolder,
): Promise<OutputPlace> {
  if (!isStorePath(output)) return folderPlace(output, id, folder);
  // Not loaded for folders.
  const { objectPlace } = await import("./object-place.js");
  return objectPlace(output, id, await store());
}
