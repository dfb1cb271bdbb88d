import type { FurtherClass, PageClass, PrivacyClass } from "../filter/page-classes.js";

/** Names of page classes in reports, in the order of the rows. */
export const CLASS_LABELS: readonly (readonly [PageClass | PrivacyClass | FurtherClass, string])[] = [
  ["zero", "zero pages"],
  ["cache", "page cache"],
  ["cache-private", "page cache, private data"],
  ["user", "user memory"],
  ["free", "free"],
  ["hwpoison", "memory errors"],
  ["offline", "offline"],
  ["unreferenced", "free, on CPUs' lists"],
  ["off-lru", "cache, user: on no list"],
  ["unknown", "not surely the kernel's"],
  ["no-struct-page", "without struct page"],
  ["device", "devices' memory"],
  ["crash-kernel", "the crash kernel's"],
  ["extension", "dropped by the extension"],
  ["unused-vmemmap", "unused struct pages"],
  ["kept", "kept"],
];
