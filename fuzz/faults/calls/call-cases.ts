/** Which call of a run goes wrong, and how: taken by chance from those that the undisturbed run made. */
import { randomFrom } from "../../random.js";
import type { Call, CallFault } from "./shim.js";

const ALWAYS = 1e9;
/** What becomes of names in the output's folder, at a write, before the last steps, or when the name is given. */
const SWAPS = ["swap-file", "swap-link", "take-name", "link-name", "swap-folder"] as const;
const NAME_SWAPS = SWAPS.slice(2);

const WHATS: Readonly<Record<Call, readonly string[]>> = {
  read: ["EIO", "EIO", "EINTR", "short", "nothing", "nothing"],
  write: ["EIO", "ENOSPC", "EDQUOT", "EINTR", "short", "nothing"],
  open: ["EIO", "EMFILE", "EACCES"],
  close: ["EIO", "EDQUOT"],
  rename: ["EIO", "ENOSPC", "EACCES", "EROFS"],
  link: ["EIO", "EPERM", "ENOSPC", "EACCES"],
  unlink: ["EIO", "EACCES", "EBUSY"],
  truncate: ["EIO", "ENOSPC", "EFBIG"],
  sync: ["EIO", "ENOSPC"],
  map: ["ENOMEM"],
};

/** The fault of a seed for a run that made these calls ("read in/dump": 20). */
export function chosenFault(seed: number, calls: ReadonlyMap<string, number>, sharded: boolean): CallFault {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1));
  for (let skip = 0; skip < 8; skip++) random(2);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  // Each kind of call as often as others, then each file: a run makes hundreds of reads and one link.
  const keys = [...calls.keys()].map((line) => {
    const space = line.indexOf(" ");
    return { line, call: line.slice(0, space) as Call, file: line.slice(space + 1) };
  });
  const call = pick([...new Set(keys.map((key) => key.call))].sort());
  const { line, file } = pick(keys.filter((key) => key.call === call).sort((a, b) => (a.line < b.line ? -1 : 1)));
  const count = calls.get(line) as number;
  const nth = pick([0, count - 1, random(count), random(Math.min(count, 4))]);
  // What is done to names is done to those of "out".
  const isOutput = /^to\/\.?out/.test(file);
  if (isOutput && !sharded && ["write", "sync"].includes(call) && random(3) === 0) {
    return { call, file, what: pick(SWAPS), nth, times: 1 };
  }
  if (isOutput && ["link", "rename"].includes(call) && random(2) === 0) {
    return { call, file, what: sharded ? "swap-folder" : pick(NAME_SWAPS), nth, times: 1 };
  }
  const what = pick(WHATS[call]);
  return { call, file, what, nth, times: timesOf(call, what, random(2) === 0) };
}

/** What the system says to do again comes to an end; a write that never takes a byte is no file system's. */
function timesOf(call: Call, what: string, once: boolean): number {
  if (what === "EINTR") return once ? 1 : 3;
  if (call === "write" && what === "nothing") return 1;
  return once ? 1 : ALWAYS;
}

/** Its row in the table. */
export function groupOf({ call, what }: CallFault): string {
  if (what.startsWith("swap") || what.endsWith("-name")) return `names: ${what}`;
  if (call === "map") return "map: no memory";
  const group = what === "EINTR" ? "interrupted" : what === "short" || what === "nothing" ? what : "an error";
  return `${call}: ${group}`;
}
