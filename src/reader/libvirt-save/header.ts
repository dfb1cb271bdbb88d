import { DumpError } from "../../errors.js";
import { cutOffError } from "../damage.js";

/** A libvirt save file (`virsh save`, `managedsave`, `snapshot-create-as --memspec`): a header, the domain's XML, QEMU's migration stream. */
export interface SaveHeader {
  /** File offset behind the XML and the room reserved for it: there the stream begins, plain or packed. */
  readonly start: number;
  readonly format: SaveFormat;
  /** Whether the save was never finished. */
  readonly partial: boolean;
}

/** How libvirt packs the stream. `sparse` (libvirt 11.2 and later): QEMU wrote it with mapped-ram. */
export type SaveFormat = (typeof FORMATS)[number];

const FORMATS = ["raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse"] as const;

/** Bytes of the header. */
export const SAVE_HEADER_SIZE = 92;
const MAGIC = "LibvirtQemudSave";
/** The magic while libvirt still writes the file. */
const PARTIAL = "LibvirtQemudPart";
/** The most bytes of the XML and of the 64 KiB of room behind it. A domain with a thousand devices has some 500 KB. */
const MOST_XML = 64 * 2 ** 20;

/** Whether a file with this head (16 bytes) is a libvirt save file. */
export function isSaveFile(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, MAGIC.length)).toString("latin1");
  return magic === MAGIC || magic === PARTIAL;
}

/** Reads the header from the first bytes of a file. Throws `TRUNCATED`, `CORRUPT`, `UNSUPPORTED`. */
export function readSaveHeader(head: Uint8Array, file: string): SaveHeader {
  if (head.length < SAVE_HEADER_SIZE) {
    throw cutOffError(
      file,
      `ends in the header of a libvirt save file: ${SAVE_HEADER_SIZE} bytes expected, ${head.length} are there`,
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  // Numbers are in the host's byte order: the version is a small number in only one of them.
  const littleEndian = view.getUint32(16, true) < view.getUint32(16, false);
  const [version = 0, length = 0, , packing = 0] = [16, 20, 24, 28].map((at) => view.getUint32(at, littleEndian));
  if (version > 2 || version === 0) {
    throw new DumpError("UNSUPPORTED", `is a libvirt save file of version ${version}; 1 and 2 are known`, {
      file,
      offset: 16,
      cure: "Restore the domain, and dump it with `virsh dump --memory-only`",
    });
  }
  const format = FORMATS[version === 1 ? 0 : packing];
  if (format === undefined || length > MOST_XML) {
    const what = format === undefined ? `a stream of unknown form ${packing}` : `${length} bytes of XML`;
    throw new DumpError("CORRUPT", `is a libvirt save file with ${what}`, {
      file,
      offset: 20,
      cure: "Its header is damaged: save the domain again",
    });
  }
  const partial = Buffer.from(head.subarray(0, PARTIAL.length)).toString("latin1") === PARTIAL;
  return { start: SAVE_HEADER_SIZE + length, format, partial };
}

/** Whether a file is a save file that has to be unpacked. Throws what `readSaveHeader` throws. */
export function isPackedSave(head: Uint8Array, file: string): boolean {
  return isSaveFile(head) && UNPACKED.has(readSaveHeader(head, file).format);
}

/** Formats that are unpacked while they are read. The others are stored plainly, or need a program. */
const UNPACKED: ReadonlySet<SaveFormat> = new Set(["gzip", "bzip2", "xz", "zstd"]);
