/**
 * Bytes as people read them, of memory and of files alike, everywhere: 33.8 MiB, 1.2 GiB. Powers of 1024 under their own names, as kernel people
 * count and as sizes in options are read; a file and the memory that went into it can be compared.
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
