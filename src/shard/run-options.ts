import { resolve } from "node:path";
import type { Codec, CodecName } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { EraseFile } from "../filter/erase/parse-rules.js";
import { MAX_LEVEL } from "../filter/policy.js";
import { PRIVACY_KEEPS, type PrivacyExtra, type PrivacyKeep } from "../filter/privacy/privacy-names.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { GivenVmcoreinfo } from "../kernel/given-vmcoreinfo.js";
import {
  aFileName,
  aFlag,
  anObject,
  anyOf,
  aText,
  listOf,
  maybe,
  type Shape,
  someFileNames,
  wholeNumber,
} from "../option-shape.js";
import { isStreamPath } from "../reader/open-input.js";
import { addressedFiles } from "../reader/raw/addressed-files.js";
import { checkTogether } from "../run/check-options.js";
import { aCodec, codecFor } from "../run/check-values.js";
import { shownUrl } from "../shown-address.js";
import { isStorePath } from "../store/store-url.js";
import { isHttpOutput } from "../writer/part-urls.js";
import { identityOf, objectIdentity } from "./input-identity.js";
import type { DumpRequest } from "./run-request.js";

/**
 * What several hosts should make from a dump. All of them must see the named files; relative names are made absolute
 * here. `s3://BUCKET/KEY` names an object.
 */
export interface RunOptions {
  /** The dump, or all files of a split set. */
  readonly inputs: string | readonly string[];
  readonly output: string;
  /** Overwrite the output. Default: false. */
  readonly force?: boolean;
  /** makedumpfile's dump level, 0 to 31. Default: 31. */
  readonly level?: number;
  /** Default: kdump. */
  readonly format?: "kdump" | "elf";
  /** Default: zlib, and none for ELF. */
  readonly codec?: Codec | CodecName;
  /** Keeps only memory that certainly is the kernel's; needs level 31. Default: false. */
  readonly privacy?: boolean | "strict";
  readonly privacyExtra?: readonly PrivacyExtra[];
  readonly privacyKeep?: readonly PrivacyKeep[];
  /** Rules by which the kernel's data in kept pages are overwritten; docs/erase.md describes them. */
  readonly erase?: EraseFile;
  /** Also drops the kernel's memory that only has struct pages of dropped pages. Default: false. */
  readonly excludeUnusedVmemmap?: boolean;
  /** Makes every warning an error. Default: false. */
  readonly strict?: boolean;
  /** Reads a damaged dump as far as possible. Default: false. */
  readonly salvage?: boolean;
  /** The dump is a memory image, and these are its pieces, in the form of `--raw`: `0-3G,4G-`. */
  readonly raw?: string;
  /** The dumped machine, if the dump does not name it: a name of `--arch`. */
  readonly arch?: string;
  /** VMCOREINFO to take instead of the dump's. */
  readonly vmcoreinfo?: GivenVmcoreinfo;
  /** Physical address of the VMCOREINFO text to use. */
  readonly vmcoreinfoAt?: number;
  /** The 16 bytes of QEMU's vmcoreinfo device. */
  readonly vmcoreinfoDevice?: Uint8Array;
  /** The kernel's vmlinux. The planning host reads it. */
  readonly vmlinux?: string;
}

/** Checks `RunOptions`. */
export const RUN_SHAPE: Shape<RunOptions> = {
  inputs: someFileNames,
  output: aFileName,
  force: maybe(aFlag),
  level: maybe(wholeNumber(0, MAX_LEVEL)),
  format: maybe(anyOf("kdump", "elf")),
  codec: maybe(aCodec),
  privacy: maybe(anyOf(true, false, "strict")),
  privacyExtra: maybe(listOf(aText)),
  privacyKeep: maybe(listOf(anyOf(...PRIVACY_KEEPS))),
  erase: maybe(anObject<EraseFile>({ name: aText, text: aText })),
  excludeUnusedVmemmap: maybe(aFlag),
  strict: maybe(aFlag),
  salvage: maybe(aFlag),
  raw: maybe(aText),
  arch: maybe(aText),
  vmcoreinfo: COMPLETE_SHAPE.vmcoreinfo,
  vmcoreinfoAt: COMPLETE_SHAPE.vmcoreinfoAt,
  vmcoreinfoDevice: COMPLETE_SHAPE.vmcoreinfoDevice,
  vmlinux: maybe(aFileName),
};

/**
 * The request as all hosts see it: with absolute names, and the identity of each input. The form of the options was
 * checked before. Throws `BAD_OPTION` for options that cannot be combined, `NOT_READABLE` for an input that does not
 * exist.
 */
export async function requestOf(options: RunOptions): Promise<DumpRequest> {
  const { level = MAX_LEVEL, format = "kdump", privacy = false, privacyExtra = [], privacyKeep = [] } = options;
  const codec = codecFor(format, options.codec);
  checkTogether({ level, format, codec, privacy, privacyExtra, privacyKeep });
  const named = typeof options.inputs === "string" ? [options.inputs] : options.inputs;
  const byHttp = [...named, options.output].find((path) => isHttpOutput(path));
  if (byHttp !== undefined) {
    throw new DumpError("BAD_OPTION", "several hosts can share files and objects of a store, but nothing by HTTP", {
      file: shownUrl(byHttp),
      cure: "Filter it with one machine, or name s3://BUCKET/KEY",
    });
  }
  for (const path of named) checkReadAgain(path);
  const inputs = named.map(placeNamed);
  const identity: DumpRequest["identity"][number][] = [];
  for (const path of addressedFiles(inputs)?.paths ?? inputs)
    identity.push(isStorePath(path) ? await objectIdentity(path) : identityOf(path));
  const { erase, raw, arch, vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice, vmlinux } = options;
  return {
    ...{ privacy: privacy !== false, privacyStrict: privacy === "strict" },
    ...{ inputs, identity, level, format, privacyExtra, privacyKeep, erase, raw, arch, vmcoreinfo, vmcoreinfoAt },
    output: placeNamed(options.output),
    force: options.force ?? false,
    codec: { name: codec.name, level: codec.level },
    excludeUnusedVmemmap: options.excludeUnusedVmemmap ?? false,
    strict: options.strict ?? false,
    salvage: options.salvage ?? false,
    vmcoreinfoDevice: vmcoreinfoDevice && Buffer.from(vmcoreinfoDevice).toString("hex"),
    vmlinux: vmlinux === undefined ? undefined : placeNamed(vmlinux),
  };
}

/** Throws `BAD_OPTION` for stdin, a FIFO, and a running machine: what comes once cannot be read by several hosts. */
function checkReadAgain(path: string): void {
  if (isStorePath(path)) return;
  const isMachine = /^(qemu|libvirt):/.test(path);
  if (!isMachine && !isStreamPath(path)) return;
  throw new DumpError(
    "BAD_OPTION",
    `is ${isMachine ? "a running machine" : "a stream"}, and several hosts have to read the same`,
    {
      file: path,
      cure: "Save it to a file first, or filter it with one machine",
    },
  );
}

function placeNamed(path: string): string {
  return isStorePath(path) ? path : resolve(path);
}
