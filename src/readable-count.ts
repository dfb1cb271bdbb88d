/** A whole number with commas: 1,234,567. Without toLocaleString, whose tables take 16 ms to load. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
