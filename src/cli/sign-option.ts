import { DumpError } from "../errors.js";

/** `--sign` without a file to sign is a mistake. Throws `BAD_OPTION`. */
export function checkSign(sign: string | undefined, file: string | undefined, option: string): void {
  if (sign === undefined || file !== undefined) return;
  throw new DumpError("BAD_OPTION", `--sign ${sign}, but no ${option}`, {
    cure: `Write ${option} FILE: the signature is made for it`,
  });
}
