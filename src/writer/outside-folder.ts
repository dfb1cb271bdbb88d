import { join } from "node:path";
import type { DumpError } from "../errors.js";
import { unnamedPlace } from "../option-words.js";
import { folderWasMoved, type HeldFolder } from "../reader/source/held-folder.js";

/**
 * The error of an output that got its name in the folder that was opened for it, while another folder now has that
 * folder's name. `final` is the output's name in it.
 */
export function outsideItsFolder(name: string, folder: HeldFolder, final: string): DumpError {
  const left = `the output is whole, in ${whereabouts(folder, final)}`;
  return folderWasMoved(name, ", and move the output to where it belongs", left);
}

function whereabouts(folder: HeldFolder, final: string): string {
  try {
    const real = folder.realName();
    if (real !== undefined) return unnamedPlace(join(real, final), "the folder that was opened at the beginning");
  } catch {
    // Its path cannot be found out any more.
  }
  return "the folder that was opened at the beginning";
}
