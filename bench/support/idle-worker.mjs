// A worker thread whose tasks cost nothing: what remains is the main thread's work, and the messages.
export function encode({ task }) {
  const { startPfn, endPfn, slot, slotSize, pages } = task;
  return { result: { startPfn, endPfn, slot, pages, zeroPages: 0, offset: slot * slotSize, length: pages * 4096 } };
}
