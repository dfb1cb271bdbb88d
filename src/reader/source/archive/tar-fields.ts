/** Bytes of a header, and the unit of everything in an archive. */
export const TAR_BLOCK = 512;

/** Text up to a NUL. */
export function tarText(bytes: Uint8Array, at: number, length: number): string {
  const slice = bytes.subarray(at, at + length);
  const end = slice.indexOf(0);
  return Buffer.from(end === -1 ? slice : slice.subarray(0, end)).toString("latin1");
}

/** A number in octal digits; in GNU tar and star with the top bit set, a binary number. */
export function tarNumber(bytes: Uint8Array, at: number, length: number): number | undefined {
  if (((bytes[at] ?? 0) & 0x80) !== 0) {
    let value = (bytes[at] as number) & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + (bytes[at + i] as number);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = tarText(bytes, at, length).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === "" ? "0" : digits, 8) : undefined;
}

/** A decimal number of a pax record. */
export function decimalOf(digits: string | undefined): number | undefined {
  if (digits === undefined || !/^\d{1,15}$/.test(digits)) return undefined;
  return Number(digits);
}

/** Whether a header is valid: the sum of its bytes must be the checksum in it. */
export function checksumFits(header: Uint8Array): boolean {
  const checksum = tarNumber(header, 148, 8);
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (header[i] as number);
  return checksum === sum;
}
