import type { ByteQueue } from "../packed/byte-queue.js";
import type { ArchiveEntries } from "./archive-entry.js";
import { isAr, isCpio, isRpm, isTar, isZip } from "./recognise.js";

/** An archive that is read as a stream. */
export interface ArchiveKind {
  /** In messages: "a tar archive". */
  readonly name: string;
  recognises(head: Uint8Array): boolean;
  /** Loads its reader. */
  load(): Promise<(queue: ByteQueue, file: string) => ArchiveEntries>;
}

/** Bytes that tell an archive. */
export const ARCHIVE_HEAD = 512;

/** In which dumps are sent. */
export const ARCHIVES: readonly ArchiveKind[] = [
  { name: "a tar archive", recognises: isTar, load: async () => (await import("./tar.js")).tarEntries },
  { name: "a zip archive", recognises: isZip, load: async () => (await import("./zip.js")).zipEntries },
];

/** In which a vmlinux is packed, besides. */
export const PACKAGES: readonly ArchiveKind[] = [
  ...ARCHIVES,
  { name: "an ar archive", recognises: isAr, load: async () => (await import("./ar.js")).arEntries },
  { name: "an RPM package", recognises: isRpm, load: async () => (await import("./rpm.js")).rpmEntries },
  { name: "a cpio archive", recognises: isCpio, load: async () => (await import("./cpio.js")).cpioEntries },
];

/** What archive begins so. */
export function archiveOf(head: Uint8Array, archives = ARCHIVES): ArchiveKind | undefined {
  return archives.find((archive) => archive.recognises(head));
}
