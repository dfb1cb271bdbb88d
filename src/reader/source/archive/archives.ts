import type { ByteQueue } from "../packed/byte-queue.js";
import type { ArchiveEntries } from "./member-bytes.js";
import { isAr, isCpio, isRpm, isTar, isZip } from "./recognise.js";

/** An archive that is read as a stream. */
export interface ArchiveKind {
  /** Its name in messages: "a tar archive". */
  readonly name: string;
  recognises(head: Uint8Array): boolean;
  /** Loads its reader. */
  load(): Promise<(queue: ByteQueue, file: string) => ArchiveEntries>;
}

/** Bytes that are enough to recognise an archive. */
export const ARCHIVE_HEAD = 512;

/** Archives in which dumps are sent. */
export const ARCHIVES: readonly ArchiveKind[] = [
  { name: "a tar archive", recognises: isTar, load: async () => (await import("./tar.js")).tarEntries },
  { name: "a zip archive", recognises: isZip, load: async () => (await import("./zip.js")).zipEntries },
];

/** Archives and packages in which a vmlinux comes. */
export const PACKAGES: readonly ArchiveKind[] = [
  ...ARCHIVES,
  { name: "an ar archive", recognises: isAr, load: async () => (await import("./packages.js")).arEntries },
  { name: "an RPM package", recognises: isRpm, load: async () => (await import("./packages.js")).rpmEntries },
  { name: "a cpio archive", recognises: isCpio, load: async () => (await import("./packages.js")).cpioEntries },
];

/** The kind of archive that begins with this head. */
export function archiveOf(head: Uint8Array, archives = ARCHIVES): ArchiveKind | undefined {
  return archives.find((archive) => archive.recognises(head));
}
