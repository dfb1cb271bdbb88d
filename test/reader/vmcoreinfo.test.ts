import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseVmcoreinfo } from "../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../src/warnings.js";

const parse = (text: string) => parseVmcoreinfo(text, new Warnings());

describe("VMCOREINFO", () => {
  test("every kind of item", () => {
    const info = parse(
      [
        "OSRELEASE=6.1.0-18-amd64",
        "BUILD-ID=0123abcd",
        "PAGESIZE=4096",
        "SYMBOL(mem_section)=ffffffff82a1b0c0",
        "SIZE(page)=64",
        "OFFSET(page.flags)=0",
        "LENGTH(zone.free_area)=11",
        "NUMBER(phys_base)=-593494016",
        "NUMBER(PG_head_mask)=65536",
        "NUMBER(KERNEL_IMAGE_SIZE)=0x40000000",
        "KERNELOFFSET=1c600000",
        "CRASHTIME=1700000000",
        "",
      ].join("\n"),
    );
    expect(info).toMatchObject({
      osrelease: "6.1.0-18-amd64",
      buildId: "0123abcd",
      pageSize: 4096,
      kernelOffset: 0x1c600000n,
      crashTime: 1_700_000_000,
    });
    expect(info.symbol("mem_section")).toBe(0xffff_ffff_82a1_b0c0n);
    expect([info.size("page"), info.offset("page.flags"), info.length("zone.free_area")]).toEqual([64, 0, 11]);
    expect(info.number("phys_base")).toBe(-593494016n);
    expect(info.number("KERNEL_IMAGE_SIZE")).toBe(0x40000000n);
    expect(info.items.size).toBe(12);
  });

  test("what is not there is undefined, not 0 or -1", () => {
    const info = parse("OSRELEASE=6.1\n");
    expect([info.symbol("x"), info.size("x"), info.offset("x"), info.length("x"), info.number("x")]).toEqual(
      new Array(5).fill(undefined),
    );
    expect([info.pageSize, info.crashTime, info.buildId]).toEqual([undefined, undefined, undefined]);
  });

  test("negative sizes and offsets do not exist", () => {
    const info = parse("SIZE(page)=-1\nOFFSET(page.lru)=-1\nLENGTH(a)=-1\nNUMBER(n)=-1\n");
    expect([info.size("page"), info.offset("page.lru"), info.length("a"), info.number("n")]).toEqual([
      ...[undefined, undefined, undefined],
      -1n,
    ]);
  });

  test("of a name that comes twice the first counts; NULs behind the text do not; CRLF neither", () => {
    expect(parse("PAGESIZE=4096\r\nPAGESIZE=8192\n\0\0\0")).toMatchObject({ pageSize: 4096 });
  });

  test("a line of no known form is a warning with its count", () => {
    const warnings = new Warnings();
    parseVmcoreinfo("OSRELEASE=6.1\nnonsense\n=value\n", warnings);
    expect(warnings.list).toEqual([
      { code: "VMCOREINFO_LINE", message: expect.stringContaining('"nonsense"'), count: 2 },
    ]);
  });

  test.each(["0", "1", "-4096", "5000", "2048", "524288", "18446744073709551616", "zzz"])(
    "PAGESIZE=%s is none",
    (text) => {
      expect(parse(`PAGESIZE=${text}\n`).pageSize).toBeUndefined();
    },
  );

  test.each(["-1", "99999999999999999", "soon"])("CRASHTIME=%s is no time", (text) => {
    expect(parse(`CRASHTIME=${text}\n`).crashTime).toBeUndefined();
  });

  test("any text: values of the stated kinds and no exception", () => {
    const key = fc.constantFrom("PAGESIZE", "CRASHTIME", "SIZE(a)", "NUMBER(a)", "SYMBOL(a)", "OFFSET(a)", "LENGTH(a)");
    const value = fc.oneof(
      fc.string(),
      fc.bigInt().map(String),
      fc.bigInt({ min: 0n }).map((n) => n.toString(16)),
    );
    const line = fc.oneof(
      fc.string(),
      fc.tuple(key, value).map(([k, v]) => `${k}=${v}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const info = parse(lines.join("\n"));
        for (const count of [
          info.size("a"),
          info.offset("a"),
          info.length("a"),
          info.pageSize ?? 0,
          info.crashTime ?? 0,
        ]) {
          if (count !== undefined) expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
        }
        expect([undefined, "bigint"]).toContain(info.symbol("a") === undefined ? undefined : typeof info.symbol("a"));
      }),
      { numRuns: 2000 },
    );
  });
});
