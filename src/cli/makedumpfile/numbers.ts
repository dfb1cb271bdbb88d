/** C's atoi: the decimal number at the beginning of a text, or 0. makedumpfile parses most values with it. */
export function leadingNumber(text: string): number {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}

/** C's strtoull in any base: 0x… hexadecimal, 0… octal, else decimal. `undefined` for anything else. */
export function unsignedNumber(text: string): bigint | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text);
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

const UNITS = "KMGTPE";

/** -L's size in bytes, with an optional suffix K to E for powers of 1024; `undefined` if it is invalid or 0. */
export function limitSize(text: string): number | undefined {
  const unit = UNITS.indexOf(text.slice(-1).toUpperCase() || "-");
  const number = unsignedNumber(unit === -1 ? text : text.slice(0, -1));
  const size = number === undefined ? 0 : Number(number) * 1024 ** (unit + 1);
  return size > 0 && Number.isSafeInteger(size) ? size : undefined;
}
