import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { ofFile } from "../../warnings.js";
import type { FormatOptions, Opening } from "../format.js";
import { openMigration } from "../qemu-migration/open.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { type Qcow2Snapshot, readQcow2Header, readSnapshots } from "./header.js";
import { stateWindow } from "./state-window.js";

/** The most snapshots that a message names. */
const NAMED = 8;

/**
 * Opens the machine that `savevm` (or `virsh snapshot-create`) saved in a qcow2 disk image: the newest one, or the one
 * with the given name or number. Throws `NOT_A_DUMP` if there is none, `BAD_OPTION` if there is none of that name, and
 * what the reader of migration streams throws.
 */
export function* openQcow2(image: SourceImage, options: FormatOptions): Opening {
  const source = attachSource(image);
  const header = readQcow2Header(source);
  const saved = readSnapshots(source, header).filter(({ stateSize }) => stateSize > 0);
  const snapshot = chosen(saved, options.snapshot, source.name);
  if (saved.length > 1 && options.snapshot === undefined) {
    const what = `has ${saved.length} snapshots with memory, ${listOf(saved)}: the newest, ${nameOf(snapshot)}, was taken (${OPTION.snapshot} takes another)`;
    options.warnings.add("SEVERAL_SNAPSHOTS", ofFile(source.name, what));
  }
  const dump = yield* openMigration(
    { ...image, window: stateWindow(source, header, snapshot, bytesHeld(image)) },
    options,
  );
  const time = Math.floor(snapshot.time);
  const description = `snapshot ${nameOf(snapshot)} in a qcow2 disk image, ${dump.header.description}`;
  return { ...dump, header: { ...dump.header, description, timestamp: time === 0 ? undefined : time } };
}

function chosen(saved: readonly Qcow2Snapshot[], name: string | undefined, file: string): Qcow2Snapshot {
  const newest = [...saved].sort((a, b) => b.time - a.time)[0];
  if (newest === undefined) {
    throw new DumpError("NOT_A_DUMP", "is a qcow2 disk image without a snapshot that has memory", {
      file,
      cure: "It is a disk: save the machine in it with `savevm`, or make the dump with dump-guest-memory or `virsh dump --memory-only DOMAIN FILE`",
    });
  }
  if (name === undefined) return newest;
  const found = saved.find((one) => one.name === name) ?? saved.find(({ id }) => id === name);
  if (found !== undefined) return found;
  throw new DumpError("BAD_OPTION", `has no snapshot ${JSON.stringify(name)} with memory`, {
    file,
    cure: `Take one of ${listOf(saved)}`,
  });
}

function nameOf({ name, id }: Qcow2Snapshot): string {
  return JSON.stringify(name === "" ? id : name);
}

function listOf(saved: readonly Qcow2Snapshot[]): string {
  const more = saved.length > NAMED ? ` and ${saved.length - NAMED} more` : "";
  return `${saved.slice(0, NAMED).map(nameOf).join(", ")}${more}`;
}
