import { constants } from "node:os";
import { expect, test } from "vitest";
import { systemErrorCode } from "../src/errors.js";
import { describeSystemError } from "../src/reader/source/byte-source.js";

/** As Node makes it of a number that libuv has no name for. */
function unnamed(number: number, code = "UNKNOWN"): Error {
  return Object.assign(new Error(`${code}, write`), { code, errno: -number, syscall: "write" });
}

// Windows has other numbers.
test.skipIf(process.platform === "win32")("system errors that Node has no name for are known by their number", () => {
  expect(systemErrorCode(unnamed(constants.errno.EDQUOT))).toBe("EDQUOT");
  const ofStream = unnamed(constants.errno.EDQUOT, `Unknown system error -${constants.errno.EDQUOT}`);
  expect(systemErrorCode(ofStream)).toBe("EDQUOT");
  expect(describeSystemError(unnamed(constants.errno.EDQUOT))).toBe("disk quota exceeded (EDQUOT)");
  expect(describeSystemError(unnamed(constants.errno.ESTALE))).toBe("the network share has lost the file (ESTALE)");
  expect(describeSystemError(unnamed(9999))).toBe("the system's error 9999");
});
