import { DumpError } from "../../errors.js";
import { CUT_OFF_CURE } from "../source/byte-source.js";

/** A libvirt save file (`virsh save`, `managedsave`, `snapshot-create-as --memspec`): a header, the domain's XML, QEMU's migration stream. */
export interface SaveHeader {
  /** File offset of what is behind the XML and the room left for it: the stream, as it is or packed. */
  readonly start: number;
  readonly format: SaveFormat;
  /** The save was never finished. */
  readonly partial: boolean;
}

/** How libvirt packs the stream; in `sparse` (libvirt 11.2 and later) QEMU wrote it with mapped-ram. */
export type SaveFormat = (typeof FORMATS)[number];

const FORMATS = ["raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse"] as const;

/** Bytes of the header. */
export const SAVE_HEADER_SIZE = 92;
const MAGIC = "LibvirtQemudSave";
/** While it is written. */
const PARTIAL = "LibvirtQemudPart";
/** The XML and 64 KiB of room behind it; a domain with a thousand devices has some 500 KB. */
const MOST_XML = 64 * 2 ** 20;

/** Whether a file begins as a libvirt save file does: 16 bytes tell it. */
export function isSaveFile(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, MAGIC.length)).toString("latin1");
  return magic === MAGIC || magic === PARTIAL;
}

/** Reads the header from the first bytes of a file. Throws `TRUNCATED`, `CORRUPT`, `UNSUPPORTED`. */
export function readSaveHeader(head: Uint8Array, file: string): SaveHeader {
  if (head.length < SAVE_HEADER_SIZE) {
    throw new DumpError(
      "TRUNCATED",
      `ends in the header of a libvirt save file: ${SAVE_HEADER_SIZE} bytes expected, ${head.length} are there`,
      {
        file,
        cure: CUT_OFF_CURE,
      },
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  // In the host's byte order: the version is small in one of them only.
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

/** Whether a file is a save file that is to be unpacked. Throws what `readSaveHeader` does. */
export function isPackedSave(head: Uint8Array, file: string): boolean {
  return isSaveFile(head) && UNPACKED.has(readSaveHeader(head, file).format);
}

/** Forms that are unpacked while they are read; the others lie in the file as they are, or need a program. */
const UNPACKED: ReadonlySet<SaveFormat> = new Set(["gzip", "bzip2", "xz", "zstd"]);
