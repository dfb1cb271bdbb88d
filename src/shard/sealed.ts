import { createHash } from "node:crypto";

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface Sealed {
  /** Digest of the plan that it belongs to. */
  readonly plan: string;
  readonly name: string;
  readonly value: unknown;
  /** Digest of the three members above. */
  readonly sha256: string;
}

const sumOf = (plan: string, name: string, value: unknown) => sha256(JSON.stringify([plan, name, value]));

/** A small file of a staging: a value, the plan it belongs to, its name, and a digest of all three. */
export function seal(plan: string, name: string, value: unknown): Uint8Array {
  // In the form in which it will be read: JSON leaves out undefined members.
  const plain: unknown = JSON.parse(JSON.stringify(value));
  const sealed: Sealed = { plan, name, value: plain, sha256: sumOf(plan, name, plain) };
  return Buffer.from(JSON.stringify(sealed), "utf8");
}

/**
 * The value of a small file; `undefined` unless it is exactly what `seal` made for this plan and this name. A file of
 * another plan, or one that is damaged, cut off or renamed, counts as missing, and is made again.
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
