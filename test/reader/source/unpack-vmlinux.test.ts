/** A vmlinux that is packed, or in a package as dpkg-deb and rpmbuild make it: found among modules and vDSOs, kept in a temporary file, and gone when closed. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readExactly } from "../../../src/reader/source/byte-source.js";
import { openSideFile } from "../../../src/reader/source/side-file.js";
import { unpackVmlinux } from "../../../src/reader/source/unpack-vmlinux.js";
import { runCli } from "../../support/cli.js";
import { describeWithDumps, dumpsFolder, realDump } from "../../support/dumps.js";
import { temporaryFolder } from "../../support/filter.js";
import { failureOfAsync } from "../../support/open.js";
import { packers } from "../../support/packed.js";

const folder = temporaryFolder();
const spool = temporaryFolder();
const at = (name: string) => join(folder, name);
const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/packed/${name}`, import.meta.url));
const vmlinux = readFileSync(fixture("vmlinux.small"));

async function unpacked(path: string): Promise<Buffer> {
  const file = await unpackVmlinux(await openSideFile(path), { spool: { dir: spool } });
  try {
    return Buffer.from(readExactly(file.source, 0, file.source.size, "all of it"));
  } finally {
    file.close();
    expect(readdirSync(spool)).toEqual([]);
  }
}

describe("a vmlinux in", () => {
  // The second RPM is packed with xz, whose sums are SHA-256.
  test.each(["kernel-dbg.deb", "kernel-debuginfo.rpm", "xz-sha256.rpm", "vmlinux.cpio"])("%s", async (name) => {
    expect((await unpacked(fixture(name))).equals(vmlinux)).toBe(true);
  });

  test.each(Object.entries(packers))("%s", async (name, pack) => {
    writeFileSync(at("packed"), pack(vmlinux));
    expect([name, (await unpacked(at("packed"))).equals(vmlinux)]).toEqual([name, true]);
  });

  test("no packing at all is the file itself", async () => {
    const file = await openSideFile(fixture("vmlinux.small"));
    expect(await unpackVmlinux(file)).toBe(file);
    file.close();
  });
});

describe("what has none says so:", () => {
  test.each([
    [
      "the package of the kernel itself",
      () => readFileSync(fixture("kernel-image.deb")),
      "NOT_A_DUMP",
      /is an ar archive without a vmlinux: .* it has .*vmlinuz-6.1.0-test/,
    ],
    ["a package that is cut off", () => readFileSync(fixture("kernel-dbg.deb")).subarray(0, 700), "TRUNCATED", /ends/],
    [
      "an RPM that is cut off",
      () => readFileSync(fixture("kernel-debuginfo.rpm")).subarray(0, 4000),
      "TRUNCATED",
      /ends/,
    ],
    [
      "a package in gzip that is cut off",
      () => gzipSync(readFileSync(fixture("vmlinux.cpio"))).subarray(0, 900),
      "TRUNCATED",
      /ends/,
    ],
  ] as const)("%s", async (_, bytes, code, says) => {
    writeFileSync(at("none"), bytes());
    const error = await failureOfAsync(() => unpacked(at("none")));
    expect([error.code, error.summary]).toEqual([code, expect.stringMatching(says)]);
    expect(readdirSync(spool)).toEqual([]);
  });

  test("a run that is stopped", async () => {
    const stopped = AbortSignal.abort();
    const error = await failureOfAsync(async () =>
      unpackVmlinux(await openSideFile(fixture("kernel-dbg.deb")), { signal: stopped, spool: { dir: spool } }),
    );
    expect([error.code, readdirSync(spool)]).toEqual(["ABORTED", []]);
  });
});

describeWithDumps("-x", () => {
  test("takes a vmlinux packed with zstd as the unpacked one", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-nokaslr");
    const packed = join(dumpsFolder, "vmlinux-tiny-x86-6.1.zst");
    expect(existsSync(packed)).toBe(true);
    const run = await runCli([vmcore, "-g", at("info"), "-f", "-x", packed]);
    expect([run.stderr, run.code]).toEqual(["", 0]);
    expect(readFileSync(at("info"), "latin1")).toMatch(/^OSRELEASE=6\.1\.192-tiny\n/m);
  });
});
