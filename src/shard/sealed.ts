import { createHash } from "node:crypto";

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface Sealed {
  /** Digest of the plan that it belongs to. */
  readonly plan: string;
  readonly name: string;
  readonly value: unknown;
  /** Of the three above. */
  readonly sha256: string;
}

const sumOf = (plan: string, name: string, value: unknown) => sha256(JSON.stringify([plan, name, value]));

/** A small file of a staging: a value, the plan it belongs to, the name it has, and a digest of all three. */
export function seal(plan: string, name: string, value: unknown): Uint8Array {
  // As it will be read: JSON leaves out what is undefined.
  const plain: unknown = JSON.parse(JSON.stringify(value));
  const sealed: Sealed = { plan, name, value: plain, sha256: sumOf(plan, name, plain) };
  return Buffer.from(JSON.stringify(sealed), "utf8");
}

/**
 * The value of a small file. `undefined` for what is not exactly what `seal` made for this plan and this name: of another plan, damaged,
 * cut off, renamed. It counts as not there, and is made again.
 */
export function unseal(plan: string, name: string, bytes: Uint8Array | undefined): object | undefined {
  if (bytes === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof found !== "object" || found === null) return undefined;
  const sealed = found as Partial<Sealed>;
  if (sealed.plan !== plan || sealed.name !== name || sealed.sha256 !== sumOf(plan, name, sealed.value))
    return undefined;
  return typeof sealed.value === "object" && sealed.value !== null ? sealed.value : undefined;
}
