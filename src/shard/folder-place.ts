import { lstatSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemErrorCode } from "../errors.js";
import { HeldFolder } from "../reader/source/held-folder.js";
import { cannotBeCreated, checkReplaceable, outputFile } from "../writer/output-path.js";
import { isSameInFolder } from "./folder-check.js";
import { createPlanFolder, folderRange, folderSink, folderSize, isMadeInFolder } from "./folder-output.js";
import { folderStaging, removeIn, stagingError } from "./folder-staging.js";
import { outputExists } from "./output-exists.js";
import type { OutputPlace, PlanPlace } from "./place.js";
import { dataStretches } from "./shard-layout.js";
import { planFolder } from "./staging.js";

/** The folders of a run, one in the other. */
interface RunFolders {
  /** The folder of the output. */
  readonly parent: HeldFolder;
  /** The staging. */
  readonly run: HeldFolder;
  /** The output's name in `parent`, and its current path. */
  readonly name: string;
  readonly file: () => string;
}

/**
 * An output in a folder that all hosts share. Each folder is looked up once: exchanging folders, or putting links in
 * their place, does not change where the output is made. `known` is the folder of the output, if it is held already;
 * the place releases it. Throws `NOT_WRITABLE`.
 */
export function folderPlace(output: string, id: string, known?: HeldFolder): OutputPlace {
  const parent = known ?? openFolder(output);
  const name = basename(output);
  const stagingName = `${name}.coresieve-${id}`;
  const run = parent.within(stagingName);
  const folders: RunFolders = { parent, run, name, file: () => join(parent.path(), name) };
  const plans = new Map<string, HeldFolder>();
  const folderOf = (plan: string) => {
    const folder = plans.get(plan) ?? run.within(planFolder(plan));
    plans.set(plan, folder);
    return folder;
  };
  const letGo = () => {
    for (const folder of plans.values()) folder.letGo();
    run.letGo();
  };
  return {
    output,
    async check(force) {
      // On other hosts the link may lead elsewhere, so the file itself must be named.
      const target = outputFile(output);
      if (target !== output) throw outputExists(output, `is a symbolic link to ${target}`, `Name ${target} itself`);
      const there = lstatSync(folders.file(), { throwIfNoEntry: false });
      if (there === undefined) return;
      if (force && there.isFile()) return checkReplaceable(output, folders.file(), there.uid);
      throw outputExists(output, there.isFile() ? "exists already" : "is not a regular file");
    },
    of: (plan) => planPlace(folders, folderOf(plan), plan),
    async remove(but) {
      if (but === undefined) {
        letGo();
        return removeIn(parent, stagingName);
      }
      for (const name of await entries(run)) if (name !== planFolder(but)) await removeIn(run, name);
    },
    async removePlan(plan) {
      folderOf(plan).letGo();
      await removeIn(run, planFolder(plan));
      // The folder of another plan may be in it.
      await unlessGone(run, () => rmdir(join(parent.path(), stagingName)));
    },
    letGo() {
      letGo();
      parent.letGo();
    },
  };
}

function planPlace({ parent, run, name, file }: RunFolders, folder: HeldFolder, digest: string): PlanPlace {
  const staging = folderStaging(folder, digest);
  const isMade = () => isMadeInFolder(folder, staging, file());
  return {
    staging,
    create: () => createPlanFolder(parent, run, folder, isMade),
    range: (_, start, end) => folderRange(folder, start, end),
    async has() {
      if (await isMade()) return () => true;
      const size = (await folderSize(folder)) ?? -1;
      return ({ reach }) => size >= reach;
    },
    isSame: (plan, done) => isSameInFolder(folder, done, dataStretches(plan, done.index, done.start, done.size)),
    sink: (_, force, access) => folderSink({ parent, folder, staging }, name, force, access),
  };
}

function openFolder(output: string): HeldFolder {
  try {
    return HeldFolder.open(dirname(output));
  } catch (error) {
    throw cannotBeCreated(output, error);
  }
}

async function entries(folder: HeldFolder): Promise<readonly string[]> {
  let names: readonly string[] = [];
  await unlessGone(folder, async () => {
    names = await readdir(folder.path());
  });
  return names;
}

/** A folder that is gone already, or is not empty, is left as it is. */
async function unlessGone(folder: HeldFolder, does: () => Promise<void>): Promise<void> {
  try {
    await does();
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(systemErrorCode(error) ?? ""))
      throw stagingError(folder.name, error);
  }
}
