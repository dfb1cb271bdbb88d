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

// What Node puts behind it names the call and the path that was given, which may be a descriptor's.
test.each([
  ["ENOTEMPTY: directory not empty, rmdir '/proc/self/fd/19/a, b'", "ENOTEMPTY", "directory not empty (ENOTEMPTY)"],
  ["EXDEV: cross-device link not permitted, rename '/a' -> '/b'", "EXDEV", "cross-device link not permitted (EXDEV)"],
  ["EBADF: bad file descriptor, read", "EBADF", "bad file descriptor (EBADF)"],
])("an error that has no words of ours is told without call and path: %s", (message, code, said) => {
  expect(describeSystemError(Object.assign(new Error(message), { code }))).toBe(said);
});
