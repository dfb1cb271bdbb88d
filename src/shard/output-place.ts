import type { HeldFolder } from "../reader/source/held-folder.js";
import type { StoreThread } from "../store/open-store.js";
import { isStorePath } from "../store/store-url.js";
import { folderPlace } from "./folder-place.js";
import type { OutputPlace } from "./place.js";

/**
 * The place of a run's output. `folder` is the one that the output is in, if it is held already; the place lets go of it. Only places in stores ask for
 * the store. Throws `NOT_WRITABLE`.
 */
export async function outputPlace(
  output: string,
  id: string,
  store: () => Promise<StoreThread>,
  folder?: HeldFolder,
): Promise<OutputPlace> {
  if (!isStorePath(output)) return folderPlace(output, id, folder);
  // Who works in folders needs none of it.
  const { objectPlace } = await import("./object-place.js");
  return objectPlace(output, id, await store());
}
