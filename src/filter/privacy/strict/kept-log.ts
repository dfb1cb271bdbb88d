import { attachSpace, type KernelView, viewMemory } from "../../../kernel/kernel-view.js";
import { logPlaces } from "../../../kernel/log/log-places.js";
import type { Dump } from "../../../reader/dump.js";
import { RecordList } from "./record-list.js";

/**
 * The log's memory, which is kept unchanged. It is outside of the image on machines with many CPUs, or with
 * log_buf_len=.
 */
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
