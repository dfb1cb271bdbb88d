import { handleOf } from "../../store/remote-object.js";
import type { DumpImage } from "../dump.js";
import { sourcesOf } from "./input-changed.js";

/** How much was fetched of inputs in object stores. */
export interface FetchedBytes {
  readonly bytes: number;
  /** The sizes of the objects together. */
  readonly of: number;
  readonly requests: number;
}

/**
 * How much was fetched until now of the objects that a dump is read from; `undefined` if none of its inputs is an
 * object.
 */
export function fetchedOf(image: DumpImage): FetchedBytes | undefined {
  let found: FetchedBytes | undefined;
  for (const { remote } of sourcesOf(image)) {
    const fetched = remote && handleOf(remote)?.fetched();
    if (remote === undefined || fetched === undefined) continue;
    const { bytes, of, requests } = found ?? { bytes: 0, of: 0, requests: 0 };
    found = { bytes: bytes + fetched.bytes, of: of + remote.size, requests: requests + fetched.requests };
  }
  return found;
}
