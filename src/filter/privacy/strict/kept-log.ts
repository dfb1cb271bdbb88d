import { attachSpace, type KernelView, viewMemory } from "../../../kernel/kernel-view.js";
import { logPlaces } from "../../../kernel/log/log-places.js";
import type { Dump } from "../../../reader/dump.js";
import { RecordList } from "./record-list.js";

/** The log's memory, which stays: it lies outside of the image where machines have many CPUs, or log_buf_len= says so. */
export function keptLog(dump: Dump, view: KernelView): RecordList {
  const list = new RecordList();
  const memory = viewMemory(dump, view);
  const places = memory && logPlaces(memory);
  const space = attachSpace(view.space, dump.memory);
  for (const { address, bytes } of places?.all ?? []) {
    for (let done = 0; done < bytes; ) {
      const place = space.translate(address + BigInt(done));
      if (place === undefined) break;
      const length = Math.min(place.length, bytes - done);
      list.keep(place.paddr, length);
      done += length;
    }
  }
  return list;
}
