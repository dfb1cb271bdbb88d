import { type BlockCache, freeMailbox } from "./block-cache.js";

/** The caches of this process's stores. */
const caches = new Set<BlockCache>();

/** From now on threads that end give back what they had of a cache. */
export function watchMailboxes(cache: BlockCache): void {
  caches.add(cache);
}

/** Forgets a cache whose store is closed. */
export function forgetMailboxes(cache: BlockCache): void {
  caches.delete(cache);
}

/** Called when a thread has ended: in a service that keeps a store open, thousands of them do. */
export function freeMailboxes(thread: number): void {
  for (const cache of caches) freeMailbox(cache, thread);
}
