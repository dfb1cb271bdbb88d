/** Erase rules on real dumps: what changes, and that nothing else does, by readers that are not the program's own. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EraseResult } from "../../../src/filter/erase/erase-run.js";
import { KNOWN_VARIABLES } from "../../../src/filter/erase/values.js";
import { openVmlinux } from "../../../src/kernel/debuginfo/vmlinux.js";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { describeWithDumps, realDump, realVmlinux } from "../../support/dumps.js";
import { filterFile, type RunOptions, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns } from "../../support/golden.js";
import { openElf } from "../../support/other-elf.js";
import { openKdump } from "../../support/other-kdump.js";

const PAGE = 4096;
const folder = temporaryFolder();
let outputs = 0;

/** Bytes of an output that are not the original's, by physical address: [before, after]. */
type Changes = Map<number, readonly [number, number]>;

interface Run {
  readonly output: string;
  readonly erase: EraseResult;
  readonly warnings: readonly { readonly code: string; readonly count: number }[];
}

async function eraseIn(name: string, rules: string, options: RunOptions = {}): Promise<Run> {
  const { vmcore } = await realDump(name);
  return eraseInFile(vmcore, rules, options);
}

async function eraseInFile(input: string, rules: string, options: RunOptions = {}): Promise<Run> {
  const output = join(folder, `${++outputs}`);
  const { erase, warnings } = await filterFile(input, output, { level: 0, erase: rules, ...options });
  if (erase === undefined) throw new Error("no account of what was erased");
  return { output, erase, warnings };
}

async function changes(name: string, { output }: Run): Promise<Changes> {
  const { vmcore } = await realDump(name);
  const result: Changes = new Map();
  const original = openElf(vmcore);
  const compare = (pfn: number, page: Buffer) => {
    const before = original.page(pfn, PAGE) ?? Buffer.alloc(PAGE);
    if (page.equals(before)) return;
    for (let i = 0; i < PAGE; i++) {
      if (page[i] !== before[i]) result.set(pfn * PAGE + i, [before[i] as number, page[i] as number]);
    }
  };
  try {
    if (readFileSync(output).toString("latin1", 0, 8) === "KDUMP   ") {
      const kdump = openKdump(output);
      let index = 0;
      for (const pfn of bitmapPfns(kdump.bitmap2)) compare(pfn, kdump.content(kdump.descriptor(index++)));
      kdump.close();
    } else {
      const elf = openElf(output);
      for (const pfn of original.pfns(PAGE))
        compare(pfn, elf.page(pfn, PAGE) ?? original.page(pfn, PAGE) ?? Buffer.alloc(PAGE));
      elf.close();
    }
  } finally {
    original.close();
  }
  return result;
}

/** Neighbouring changes joined to the texts that stood there. */
function textsBefore(found: Changes): string[] {
  const texts: string[] = [];
  let last = Number.NaN;
  for (const [at, [before]] of [...found].sort(([a], [b]) => a - b)) {
    const character = String.fromCharCode(before);
    if (at === last + 1) texts[texts.length - 1] += character;
    else texts.push(character);
    last = at;
  }
  return texts.map((text) => text.replace(/\0+$/, ""));
}

const after = (found: Changes) => new Set([...found.values()].map(([, byte]) => byte));
const recordOf = (path: string) => {
  const dump = openDump(path, new Warnings());
  const text = Buffer.from(dump.eraseinfo ?? []).toString();
  dump.close();
  return text;
};

/** The file that makedumpfile was given; see below. */
const CONF = `# makedumpfile.conf(5)
erase init_uts_ns.name.nodename
erase saved_command_line
[vmlinux]
erase init_task.comm size 4
erase init_task.cred nullify
for t in init_task.tasks within task_struct:tasks
  erase t.comm
  erase t.cred size 4
  erase t.signal nullify
endfor
for m in modules.next within module:list
  erase m.name
  erase m.version
endfor
for f in file_systems via next
  erase f.name
  erase f.owner nullify
endfor
erase init_task.stack size 16
erase init_task.signal.rlim
erase super_blocks
`;

describeWithDumps("erase rules", () => {
  test("makedumpfile.conf: the same bytes as makedumpfile 1.7.2 with the kernel's vmlinux, here without one", async () => {
    const name = "x86-6.1-kdump-tiny";
    const run = await eraseIn(name, CONF, { codec: "lzo" });
    const found = await changes(name, run);
    const hash = createHash("sha256");
    for (const [at, [, byte]] of [...found].sort(([a], [b]) => a - b)) hash.update(`${at.toString(16)} ${byte}\n`);
    // makedumpfile -l -d 0 -x vmlinux-6.1.0-56-cloud-amd64 --config CONF vmcore.elf OUT, OUT compared with the original.
    expect({ bytes: found.size, hash: hash.digest("hex") }).toEqual({
      bytes: 2489,
      hash: "9ad818adebed1d1737b34063ae79efcaff9d6a6d9d049f704cb2eb94518a1ad4",
    });
    const record = recordOf(run.output);
    // The lines that makedumpfile writes, but each once.
    for (const line of ["erase saved_command_line size 174", "erase t.comm size 16", "erase f.owner nullify"]) {
      expect(record.split("\n").filter((one) => one === line)).toHaveLength(1);
    }
    expect(run.warnings).toEqual([]);
  });

  const RULES = `
    symbol init_uts_ns.name.nodename
    symbol saved_command_line
    member task_struct.comm of list init_task.tasks
    member task_struct.comm of slab task_struct
    symbol init_net.dev_base_head.next nullify`;
  const name = "x86-6.12-tiny";

  test("names, command line and tasks, in every form alike; nothing else changes", async () => {
    const run = await eraseIn(name, RULES, { codec: "zlib" });
    const found = await changes(name, run);
    const texts = textsBefore(found);
    expect(after(found)).toEqual(new Set([0x58, 0]));
    const commandLine = /Kernel command line: (.*)$/m.exec(
      readFileSync((await realDump(name)).consoleLog, "utf8"),
    )?.[1];
    expect(commandLine?.trim().length).toBeGreaterThan(20);
    expect(texts).toContain(commandLine?.trim());
    for (const task of ["kthreadd", "init", "rcu_preempt", "kswapd0"]) expect(texts).toContain(task);
    expect(texts).not.toContain("swapper/0");
    const [node, line, tasks, objects, pointer] = run.erase.rules;
    expect(node).toMatchObject({ objects: 1, bytes: 65, overwritten: 65 });
    expect(line?.bytes).toBe(commandLine?.trim().length);
    expect(pointer).toMatchObject({ objects: 1, bytes: 8 });
    // The slab has every task of the list, and free objects.
    expect(objects?.objects).toBeGreaterThan(tasks?.objects ?? Number.NaN);
    expect(run.erase.overwritten).toBe(run.erase.bytes);
    for (const options of [{ format: "elf" }, { codec: "snappy", dedupe: true }] as const) {
      expect(await changes(name, await eraseIn(name, RULES, options))).toEqual(found);
    }
    // The header has a copy of the node's name.
    const dump = openDump(run.output, new Warnings());
    expect(dump.header.utsname).toMatchObject({ sysname: "Linux", nodename: "X".repeat(64) });
    dump.close();
  });

  test("the same bytes for any number of threads", async () => {
    const [one, three] = await Promise.all(
      [1, 3].map((workers) => eraseIn(name, RULES, { level: 31, codec: "lzo", workers })),
    );
    expect(readFileSync((one as Run).output).equals(readFileSync((three as Run).output))).toBe(true);
  });

  test("a slab cache: changes are in pages that the kernel's own flags call slab, and fill whole objects", async () => {
    const run = await eraseIn(name, "slab names_cache\nslab task_struct");
    const found = await changes(name, run);
    const flags = readFileSync((await realDump(name)).kpageflags);
    const pfns = new Set([...found.keys()].map((at) => Math.floor(at / PAGE)));
    expect(pfns.size).toBeGreaterThan(8);
    // KPF_SLAB; tails of a slab (KPF_COMPOUND_TAIL) are the allocator's too.
    for (const pfn of pfns) {
      const low = flags.readUInt32LE(pfn * 8);
      expect(low & ((1 << 7) | (1 << 16)), `pfn 0x${pfn.toString(16)}`).not.toBe(0);
    }
    expect(after(found)).toEqual(new Set([0x58]));
    const [names] = run.erase.rules;
    expect(names?.bytes).toBe((names?.objects ?? 0) * 4096);
    expect(recordOf(run.output)).toMatch(/^erase slab names_cache size 4096\nerase slab task_struct size \d+\n$/);
  });

  test("a physical range over page borders; zero pages are looked for afterwards; what is dropped is counted apart", async () => {
    const original = openElf((await realDump(name)).vmcore);
    const zero = Buffer.alloc(PAGE);
    const pfn = [...original.pfns(PAGE)].find(
      (one) => one > 256 && [0, 1].every((i) => original.page(one + i, PAGE)?.equals(zero)),
    );
    original.close();
    if (pfn === undefined) throw new Error("there are no two pages of zeros");
    const rules = `physical 0x${(pfn * PAGE + 4000).toString(16)} size 200`;
    for (const format of ["kdump", "elf"] as const) {
      const run = await eraseIn(name, rules, { level: 1, format });
      expect([...(await changes(name, run)).keys()]).toEqual(
        Array.from({ length: 200 }, (_, i) => pfn * PAGE + 4000 + i),
      );
      expect(run.erase).toMatchObject({ spans: 1, bytes: 200, overwritten: 200 });
    }
    const all = await eraseIn(name, "physical 0-0x10000000000", { level: 31 });
    const kept = openKdump(all.output);
    const pages = [...bitmapPfns(kept.bitmap2)];
    expect(all.erase).toMatchObject({ bytes: 2 ** 40, overwritten: pages.length * PAGE });
    expect(pages.every((_, i) => kept.content(kept.descriptor(i)).every((byte) => byte === 0x58))).toBe(true);
    kept.close();
  });

  test("eraseinfo: of earlier runs in front, in every format", async () => {
    const first = await eraseIn(name, "symbol init_uts_ns.name.domainname", { format: "elf" });
    const second = await eraseInFile(first.output, "slab names_cache", { level: 31 });
    const third = await eraseInFile(second.output, "? symbol nothing\nsymbol saved_command_line size 3", {
      format: "elf",
    });
    const line = "erase init_uts_ns.name.domainname size 65\n";
    expect(recordOf(first.output)).toBe(line);
    expect(recordOf(second.output)).toBe(`${line}erase slab names_cache size 4096\n`);
    expect(recordOf(third.output)).toBe(`${line}erase slab names_cache size 4096\nerase saved_command_line size 3\n`);
    const dump = openDump(third.output, new Warnings());
    expect(dump.notes.filter((note) => note.name === "ERASEINFO")).toHaveLength(1);
    expect(dump.vmcoreinfo?.osrelease).toMatch(/^6\.12/);
    dump.close();
  });

  test.each([
    ["symbol init_uts_namespace", 'rules:1: "symbol init_uts_namespace": the kernel has no symbol init_uts_namespace'],
    ["\nsymbol init_task.com", 'rules:2: "symbol init_task.com": struct task_struct has no member com'],
    ["symbol init_task{task}.comm", "the kernel has no type task in BTF in memory"],
    ["symbol envp_init", "the rule must say how large envp_init is"],
    ["symbol init_task.comm nullify", "is char[16], not a pointer"],
    ["symbol init_task.comm[16]", "has no member comm[16]"],
    ["symbol init_task.pid[0]", "not an array"],
    ["symbol init_task.stack", "the rule must say how large init_task.stack is"],
    ["symbol init_task.sched_reset_on_fork", "is a bit field"],
    ["member task_struct.comm of list init_task.comm", "task_struct has no list_head comm"],
    ["member task_struct.comm of list super_blocks through s_list", "task_struct has no list_head s_list"],
    ["symbol init_task.mm.start_code", "1 pointers are 0"],
    ["slab no_such_cache", "there is no slab cache no_such_cache among the"],
    ["slab cred_jar", "the slab cache cred_jar is merged with others into"],
    ["member task_struct.comm of slab task_struct where .pid = 99999999", "there is no such element"],
  ])("%j leads to nothing: an error that says why, unless ? stands before it", async (rule, message) => {
    await expect(eraseIn(name, rule)).rejects.toMatchObject({
      code: "CANNOT_ERASE",
      message: expect.stringContaining(message),
    });
    expect((await eraseIn(name, `? ${rule.trim()}`, { level: 31 })).erase).toMatchObject({ spans: 0, bytes: 0 });
  });

  test("a condition chooses elements by number, text and symbol", async () => {
    const rules = `member task_struct.comm of slab task_struct where .pid = 1
      member task_struct.comm of list init_task.tasks where .comm = "kthreadd"
      member super_block.s_id of list super_blocks through s_list where .s_op = shmem_ops`;
    const found = await changes(name, await eraseIn(name, rules));
    const texts = textsBefore(found);
    // The first file system is a tmpfs too.
    expect(texts.sort()).toEqual(["devtmpfs", "init", "kthreadd", "rootfs", "tmpfs", "tmpfs"]);
  });

  test("a kernel without BTF and kallsyms of variables: refused, done with the vmlinux, and its types are DWARF's", async () => {
    const tiny = "tiny-x86-6.1";
    await expect(eraseIn(tiny, "symbol init_uts_ns.name.nodename")).rejects.toMatchObject({
      message: expect.stringContaining("the dump's memory has no symbols and types"),
    });
    const run = await eraseIn(
      tiny,
      "symbol argv_init\nmember task_struct.comm of list init_task.tasks\nsymbol init_uts_ns.name.sysname size 0x1",
      {
        vmlinux: await realVmlinux(),
      },
    );
    expect(run.erase.rules[0]).toMatchObject({ bytes: 272 });
    expect(textsBefore(await changes(tiny, run))).toEqual(expect.arrayContaining(["kthreadd", "init", "L"]));
  });

  test("variables whose types are known are of these types in DWARF", async () => {
    const vmlinux = openVmlinux(await realVmlinux(), ["dwarf"]);
    const known = Object.entries(KNOWN_VARIABLES).filter(([name]) => vmlinux.linked(name) !== undefined);
    expect(known.length).toBeGreaterThan(8);
    for (const [name, type] of known) expect(`${name}: ${vmlinux.types.variable(name)}`).toBe(`${name}: ${type}`);
    vmlinux.close();
  });
});
