/**
 * JSON that can also contain bigints and bytes: `{"$bigint":"-1"}`, `{"$bytes":"base64"}`. Typed arrays of more than a
 * few KiB belong into files of their own.
 */
export function toPlainJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one === "bigint") return { $bigint: one.toString() };
    // Here a Buffer has already become an object, by its own toJSON.
    if (isBufferJson(one)) return { $bytes: Buffer.from(one.data).toString("base64") };
    if (one instanceof Uint8Array) return { $bytes: Buffer.from(one).toString("base64") };
    return one;
  });
}

/** The value that was written. Throws `SyntaxError`. */
export function fromPlainJson(text: string): unknown {
  return JSON.parse(text, (_key, one: unknown) => {
    if (typeof one !== "object" || one === null) return one;
    if ("$bigint" in one && typeof one.$bigint === "string") return BigInt(one.$bigint);
    if ("$bytes" in one && typeof one.$bytes === "string") return new Uint8Array(Buffer.from(one.$bytes, "base64"));
    return one;
  });
}

function isBufferJson(value: unknown): value is { data: number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer" && "data" in value;
}
