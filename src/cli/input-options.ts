import { DumpError } from "../errors.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { onlyGiven } from "../only-given.js";
import type { InputOptions } from "../reader/input-options.js";
import { allMachines, machineNamed } from "../reader/machine.js";
import { parseRawPlace } from "../reader/raw/pieces.js";
import { type GivenFile, openSideFile, readSideFile } from "../reader/source/side-file.js";
import type { SpoolOptions } from "../reader/source/spool/spool-file.js";
import { decodeDeviceEntry, ENTRY_SIZE } from "../reader/vmcoreinfo-device.js";
import { isStorePath } from "../store/store-url.js";

/** The values of the options about the input, as parseValues makes them. */
export interface InputArguments {
  /** Whether to compute the digest of inputs that are read to their end anyway. */
  readonly digest?: boolean;
  readonly raw?: string | undefined;
  readonly arch?: string | undefined;
  readonly vmcoreinfo?: string | undefined;
  readonly vmlinux?: string | undefined;
  readonly vmcoreinfoDevice?: string | undefined;
  readonly vmcoreinfoAt?: string | undefined;
  readonly salvage?: boolean;
  readonly snapshot?: string | undefined;
  readonly identity?: string | undefined;
  readonly spoolDir?: string | undefined;
  readonly spoolLimit?: number | undefined;
}

/** How to open the input. Throws `BAD_OPTION`. */
export function openOptions(args: InputArguments): InputOptions {
  const { raw, arch, salvage = false, snapshot, identity } = args;
  const machine = arch === undefined ? undefined : machineNamed(arch);
  if (arch !== undefined && machine === undefined) {
    const names = allMachines().map((known) => known.arch);
    throw new DumpError("BAD_OPTION", `--arch ${arch}: unknown architecture`, {
      cure: `Architectures are ${names.join(", ")}, and ppc64le`,
    });
  }
  return {
    ...(raw === undefined ? {} : { raw: parseRawPlace(raw) }),
    ...(machine === undefined ? {} : { machine }),
    salvage,
    ...onlyGiven({ snapshot, identity }),
    spool: spoolOptions(args),
  };
}

/** The folder and the limit of temporary files. */
export function spoolOptions({ spoolDir, spoolLimit }: Pick<InputArguments, "spoolDir" | "spoolLimit">): SpoolOptions {
  return {
    ...onlyGiven({ dir: spoolDir, limit: spoolLimit }),
  };
}

/**
 * Facts about the kernel that do not come from the dump. A packed vmlinux is unpacked. Throws `BAD_OPTION`, and for
 * files `NOT_READABLE` and what unpacking throws.
 */
export async function completeOptions(args: InputArguments): Promise<CompleteOptions> {
  const { vmcoreinfo, vmlinux, vmcoreinfoDevice, vmcoreinfoAt } = args;
  if (vmlinux !== undefined) return { vmlinux: await givenVmlinux(vmlinux, spoolOptions(args)) };
  if (vmcoreinfo !== undefined) {
    const text = (await readSideFile(vmcoreinfo, MAX_TEXT))
      .toString("latin1")
      .replaceAll("\r\n", "\n")
      .replace(/\0+$/, "");
    return { vmcoreinfo: { text: text.endsWith("\n") ? text : `${text}\n`, name: vmcoreinfo } };
  }
  if (vmcoreinfoAt !== undefined) return { vmcoreinfoAt: physicalAddress(vmcoreinfoAt) };
  return vmcoreinfoDevice === undefined ? {} : { vmcoreinfoDevice: await deviceEntry(vmcoreinfoDevice) };
}

/**
 * The name of a file; or an open file, if it had to be unpacked or is an object: these stay open until the program
 * ends.
 */
async function givenVmlinux(path: string, spool: SpoolOptions): Promise<GivenFile> {
  const { isPackedVmlinux, unpackVmlinux } = await import("../reader/source/unpack-vmlinux.js");
  const file = await openSideFile(path);
  if (isPackedVmlinux(file.source)) return unpackVmlinux(file, { spool });
  if (isStorePath(path)) return file;
  file.close();
  return path;
}

/** An address as in the output of `coresieve info`, or in decimal. */
function physicalAddress(value: string): number {
  const address = /^(0x[0-9a-f]{1,14}|\d{1,16})$/i.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(address)) return address;
  throw new DumpError("BAD_OPTION", `--vmcoreinfo-at ${value}: must be a physical address`, {
    cure: "`coresieve info` lists them, such as 0x1a2b000",
  });
}

/** The kernel's own text has at most one page, 64 KiB on some machines. */
const MAX_TEXT = 1 << 20;

/** 16 bytes in hexadecimal, or the content of a file. */
async function deviceEntry(value: string): Promise<Uint8Array> {
  const digits = value.replaceAll(/[\s:]/g, "");
  const hexadecimal = new RegExp(`^(0x)?[0-9a-f]{${2 * ENTRY_SIZE}}$`, "i").test(digits);
  const bytes = hexadecimal ? Buffer.from(digits.replace(/^0x/i, ""), "hex") : await readSideFile(value, 4096);
  decodeDeviceEntry(bytes);
  return bytes;
}
