import { DumpError } from "../errors.js";
import { allMachines, machineNamed } from "../reader/machine.js";
import type { OpenOptions } from "../reader/open.js";
import { parseRawPieces } from "../reader/raw/pieces.js";

/** The values of the options that say what the input is, as yargs gives them. All commands have them. */
export interface InputArguments {
  readonly raw: string | undefined;
  readonly arch: string | undefined;
}

/** How the input is to be opened. Throws `BAD_OPTION`. */
export function openOptions({ raw, arch }: InputArguments): OpenOptions {
  const machine = arch === undefined ? undefined : machineNamed(arch);
  if (arch !== undefined && machine === undefined) {
    const names = allMachines().map((known) => known.arch);
    throw new DumpError("BAD_OPTION", `--arch ${arch}: there is no such machine`, {
      cure: `Machines are ${names.join(", ")}, and ppc64le`,
    });
  }
  return {
    ...(raw === undefined ? {} : { raw: parseRawPieces(raw) }),
    ...(machine === undefined ? {} : { machine }),
  };
}
