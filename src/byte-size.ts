/**
 * A number of bytes for people, for memory and files alike: 33.8 MiB, 1.2 GiB. Uses powers of 1024 under their own
 * names, as kernel developers count and as sizes in options are read. So a file can be compared with the memory that
 * went into it.
 */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`;
}
