import { constants } from "node:os";
import { expect, test } from "vitest";
import { DumpError, plainDumpError, reviveDumpError, systemErrorCode } from "../src/errors.js";
import { describeSystemError } from "../src/reader/source/byte-source.js";

/** As Node makes it of a number that libuv has no name for. */
function unnamed(number: number, code = "UNKNOWN"): Error {
  return Object.assign(new Error(`${code}, write`), { code, errno: -number, syscall: "write" });
}

// Windows has other numbers.
test.skipIf(process.platform === "win32")(
  "system errors that Node has no name for are known by their number (skipped on Windows)",
  () => {
    expect(systemErrorCode(unnamed(constants.errno.EDQUOT))).toBe("EDQUOT");
    const ofStream = unnamed(constants.errno.EDQUOT, `Unknown system error -${constants.errno.EDQUOT}`);
    expect(systemErrorCode(ofStream)).toBe("EDQUOT");
    expect(describeSystemError(unnamed(constants.errno.EDQUOT))).toBe("disk quota exceeded (EDQUOT)");
    expect(describeSystemError(unnamed(constants.errno.ESTALE))).toBe("the network share has lost the file (ESTALE)");
    expect(describeSystemError(unnamed(9999))).toBe("the system's error 9999");
  },
);

// What Node puts behind it names the call and the path that was given, which may be a descriptor's.
test.each([
  ["ENOTEMPTY: directory not empty, rmdir '/proc/self/fd/19/a, b'", "ENOTEMPTY", "directory not empty (ENOTEMPTY)"],
  ["EXDEV: cross-device link not permitted, rename '/a' -> '/b'", "EXDEV", "cross-device link not permitted (EXDEV)"],
  ["EBADF: bad file descriptor, read", "EBADF", "bad file descriptor (EBADF)"],
])("an error that has no words of ours is told without call and path: %s", (message, code, said) => {
  expect(describeSystemError(Object.assign(new Error(message), { code }))).toBe(said);
});

test("an error's sentence is made of its parts, and changes with them", () => {
  const error = new DumpError("CANNOT_FILTER", "its pages cannot be classified", {
    ...{ subcode: "MACHINE_UNSUPPORTED", why: "m68k kernels are not supported yet", file: "a\tb", offset: 16 },
    cure: "Take another",
  });
  const reason = "its pages cannot be classified: m68k kernels are not supported yet";
  expect(error).toMatchObject({ reason, summary: `a\tb: ${reason} (at byte 16)`, systemError: undefined });
  expect(error.message).toBe(`a\\u0009b: ${reason} (at byte 16). Take another`);
  const other = error.with({ file: "c", offset: undefined, cure: undefined, left: "c.part is there" });
  expect(other.message).toBe(`c: ${reason}; c.part is there`);
  expect(other).toMatchObject({ code: error.code, subcode: error.subcode, what: error.what, why: error.why });
  expect(reviveDumpError(structuredClone(plainDumpError(error)))).toMatchObject({ ...plainDumpError(error) });
});

test("the system's error is a part, however deep it lies, and goes to other threads", () => {
  const system = Object.assign(new Error("ENOENT, open"), { code: "ENOENT" });
  const inner = new DumpError("NOT_READABLE", "cannot be read", { cause: system });
  const outer = new DumpError("NOT_READABLE", "cannot be opened", { cause: inner });
  expect(outer.systemError).toBe("ENOENT");
  expect(reviveDumpError(plainDumpError(outer)).systemError).toBe("ENOENT");
  const tls = Object.assign(new Error("no"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  expect(new DumpError("NOT_READABLE", "no", { cause: tls }).systemError).toBeUndefined();
});
