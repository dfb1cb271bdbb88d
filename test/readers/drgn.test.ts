/** drgn and gdb read kernel memory at its virtual addresses out of our outputs. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { realDump, realVmlinux } from "../support/dumps.js";
import { type Codec, codecs, Outputs, titled, type Wanted } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

/** The dump of a /proc/vmcore: the one whose PT_LOADs have real virtual addresses. */
const procVmcore = "x86-6.1-kdump-tiny";
const everyCodec = Object.keys(codecs) as Codec[];

const drgnRead = fileURLToPath(new URL("drgn-read.py", import.meta.url));
const drgnWalk = fileURLToPath(new URL("drgn-walk.py", import.meta.url));

/** The addresses of symbols in VMCOREINFO that stand for kernel data. */
async function symbols(dump: string): Promise<Map<string, bigint>> {
  const text = readFileSync((await realDump(dump)).vmcoreinfo, "utf8");
  return new Map(
    [...text.matchAll(/^SYMBOL\((\w+)\)=([0-9a-f]+)$/gm)].map(([, name, at]) => [name ?? "", BigInt(`0x${at}`)]),
  );
}

/** drgn's answers for 256 bytes at every symbol, in the kernel's text, its data and the direct mapping. */
async function drgnReads(dump: string, path: string): Promise<string[]> {
  const ranges = [...(await symbols(dump)).values()].map((address) => `${address.toString(16)}:100`);
  const { stdout } = await runWell("drgn", ["-q", "--no-default-symbols", "-c", path, drgnRead, ...ranges]);
  return stdout.trim().split("\n");
}

const utsSysname = Buffer.from("Linux\0").toString("hex");

describeReader("drgn reads the outputs of a /proc/vmcore as the original", ["drgn"], () => {
  const cases: Wanted[] = [31, 1].flatMap((level) =>
    (["elf", ...everyCodec] as const).map((form) => ({ dump: procVmcore, level, form })),
  );
  test.each(titled(cases))("%s", async (_title, wanted) => {
    const original = await drgnReads(wanted.dump, (await realDump(wanted.dump)).vmcore);
    expect(original.filter((line) => /^[0-9a-f]+ [0-9a-f]{512}$/.test(line))).toHaveLength(original.length);
    expect(original.some((line) => line.includes(` ${utsSysname}`))).toBe(true);
    expect(await drgnReads(wanted.dump, await outputs.make(wanted))).toEqual(original);
  });

  test("an ELF file made from a kdump-compressed one has virtual addresses again", async () => {
    const kdump = await outputs.make({ dump: procVmcore, level: 31, form: "zlib" });
    const elf = await outputs.make({ dump: kdump, level: 31, form: "elf" });
    expect(await drgnReads(procVmcore, elf)).toEqual(await drgnReads(procVmcore, kdump));
  });
});

describeReader("drgn walks through the kernel in our output", ["drgn", "makedumpfile"], () => {
  // drgn 0.0.22 cannot translate addresses in the original, an ELF file of QEMU's: what it finds in makedumpfile's output
  // of everything is what it has to find in ours.
  const walk = async (path: string): Promise<string> =>
    (await runWell("drgn", ["-q", "--no-default-symbols", "-s", await realVmlinux(), "-c", path, drgnWalk])).stdout;
  const cases: Wanted[] = [
    ...everyCodec.map((form) => ({ dump: "tiny-x86-6.1", level: 31, form })),
    { dump: "tiny-x86-6.1", level: 1, form: "zstd" },
    { dump: "tiny-x86-6.1", level: 1, form: "zlib", dedupe: true },
    { dump: "tiny-x86-6.1-nokaslr", level: 31, form: "zlib" },
  ];
  const references = new Map<string, string>();
  const walkByMakedumpfile = async (dump: string): Promise<string> => {
    const everything = outputs.path(`${dump}.by-makedumpfile`);
    await runWell("makedumpfile", ["-l", "-d", "1", "-f", (await realDump(dump)).vmcore, everything]);
    return walk(everything);
  };
  test.each(titled(cases))("%s", async (_title, wanted) => {
    const reference = references.get(wanted.dump) ?? (await walkByMakedumpfile(wanted.dump));
    references.set(wanted.dump, reference);
    expect(reference).toMatch(/^task 1 init /m);
    expect(reference).toMatch(/^log .*Run \/init as init process/m);
    expect(reference).toMatch(/^slab task_struct [1-9]/m);
    expect(await walk(await outputs.make(wanted))).toBe(reference);
  });
});

describeReader("gdb reads the ELF output of a /proc/vmcore as the original", ["gdb"], () => {
  const ask = async (path: string): Promise<string> => {
    const address = (name: string, map: Map<string, bigint>) => `0x${(map.get(name) ?? 0n).toString(16)}`;
    const map = await symbols(procVmcore);
    const questions = [
      `x/s ${address("init_uts_ns", map)}`,
      `x/100xb ${address("init_uts_ns", map)}`,
      `x/50xg ${address("swapper_pg_dir", map)}`,
      `x/50i ${address("_stext", map)}`,
      `x/16xg ${address("mem_section", map)}`,
      // Threads are PRSTATUS notes. gdb reads notes twice where a PT_LOAD of no bytes has file offset 0.
      "info threads",
      "info registers",
    ];
    const { stdout } = await runWell("gdb", ["-nx", "-batch", ...questions.flatMap((one) => ["-ex", one]), "-c", path]);
    return stdout;
  };
  const cases: Wanted[] = [31, 1, 0].map((level) => ({ dump: procVmcore, level, form: "elf" }));
  test.each(titled(cases))("%s", async (_title, wanted) => {
    const original = await ask((await realDump(wanted.dump)).vmcore);
    expect(original).toContain('"Linux"');
    expect(original).toMatch(/^\* 1 +LWP \d+/m);
    expect(await ask(await outputs.make(wanted))).toBe(original);
  });
});
