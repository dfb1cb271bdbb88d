/** VMCOREINFO notes that are not the dumped kernel's, or not whole: the text that memory proves is taken, and all else is as with a good note. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import type { Dump } from "../../src/reader/dump.js";
import { parseNotes } from "../../src/reader/notes.js";
import { openDump } from "../../src/reader/open.js";
import type { PhysicalMemory } from "../../src/reader/physical-memory.js";
import { parseVmcoreinfo } from "../../src/reader/vmcoreinfo.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { openSession } from "../../src/run/session.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, readGolden, realDump } from "../support/dumps.js";
import { sharedThread, temporaryFolder } from "../support/filter.js";
import { bitmapSet, goldenKept } from "../support/golden.js";
import { encodeNotes, vmcoreinfoNote } from "../support/notes.js";
import { openKdump } from "../support/other-kdump.js";

const folder = temporaryFolder();

/** The dump as if its VMCOREINFO notes had these texts. The other notes stay before them. */
function withNotes(dump: Dump, texts: readonly string[]): Dump {
  const others = dump.notes.filter(({ name }) => name !== "VMCOREINFO");
  const noteArea = encodeNotes([...others, ...texts.map(vmcoreinfoNote)], "little");
  const notes = parseNotes(noteArea, true, "", new Warnings());
  return { ...dump, noteArea, notes, vmcoreinfo: parseVmcoreinfo(texts[0] ?? "", new Warnings()) };
}

/** Counts the reads of a dump's memory, in bytes. */
function counting(dump: Dump): { readonly dump: Dump; bytes(): number } {
  let bytes = 0;
  const memory: PhysicalMemory = {
    ...dump.memory,
    next: (paddr) => dump.memory.next(paddr),
    read(into, paddr) {
      bytes += into.length;
      return dump.memory.read(into, paddr);
    },
  };
  return { dump: { ...dump, memory }, bytes: () => bytes };
}

async function textOf(name: string): Promise<string> {
  const dump = openDump((await realDump(name)).vmcore);
  dump.close();
  return dump.vmcoreinfo?.text as string;
}

const until = (text: string, what: string) => text.slice(0, text.indexOf(what));

describeWithDumps("a VMCOREINFO note that is not the kernel's own, or not whole", () => {
  const name = "tiny-x86-6.1";
  /** What the notes are, of the kernel's own text and another kernel's. */
  const kinds: readonly (readonly [string, (own: string, other: string) => readonly string[]])[] = [
    ["has only release and page size (Hyper-V)", (own) => [`${until(own, "BUILD-ID")}PAGESIZE=4096\n`]],
    ["is another kernel's", (_, other) => [other]],
    ["is another kernel's, and the right one follows", (own, other) => [other, own]],
    ["is cut off before the kernel's place", (own) => [own.slice(0, 1500)]],
    ["is cut off behind the struct pages", (own) => [until(own, "NUMBER(PG_lru)")]],
    ["has another SIZE(page)", (own) => [own.replace("SIZE(page)=64", "SIZE(page)=80")]],
    ["has another mark of free pages", (own) => [own.replace("MAPCOUNT_VALUE)=-129", "MAPCOUNT_VALUE)=-130")]],
    ["is of another boot", (own) => [own.replace(/NUMBER\(phys_base\)=.*/, "NUMBER(phys_base)=0")]],
    ["is not text", () => ["\u0001\u0002\u0003"]],
  ];

  test.each(kinds)("%s", async (_, notesOf) => {
    const { vmcore } = await realDump(name);
    const own = await textOf(name);
    const texts = notesOf(own, await textOf("tiny-x86-6.12"));
    expect(texts).not.toEqual([own]);
    const output = join(folder, "out.kdump");
    const dump = openDump(vmcore);
    const warnings = new Warnings();
    const options = { level: 31, format: "kdump", codec: codecOf("none"), workers: sharedThread(), warnings } as const;
    const result = await filterDump(withNotes(dump, texts), { ...options, output: { path: output, force: true } });
    dump.close();
    expect(result.kernelRelease).toBe("6.1.192-tiny");
    expect(warnings.list.map(({ code }) => code)).toEqual(["VMCOREINFO_NOTE"]);
    const { bitmap2, facts, close } = openKdump(output);
    close();
    expect(bitmapSet(bitmap2)).toEqual(goldenKept(readGolden(name), 31));
    // Whoever opens the output needs the right one, and finds no other.
    expect(facts.vmcoreinfo.toString("latin1")).toBe(own);
    const again = openDump(output);
    const codes = (notes: Dump["notes"]) => notes.map((note) => `${note.name} ${note.type}`);
    expect(codes(again.notes).sort()).toEqual(codes(dump.notes).sort());
    again.close();
  });

  test("a note that is proven costs no search of memory, and a wrong one's search is told", async () => {
    const { vmcore } = await realDump(name);
    const dump = openDump(vmcore);
    const own = dump.vmcoreinfo?.text as string;
    const good = counting(dump);
    expect(openSession(good.dump).dump.vmcoreinfoFound).toBeUndefined();
    expect(good.bytes()).toBeLessThan(2 ** 20);
    const warnings = new Warnings();
    const bad = openSession(withNotes(dump, [own.slice(0, 1500)]), { warnings });
    dump.close();
    const [taken, copy, note] = bad.dump.vmcoreinfoFound ?? [];
    expect(taken).toMatchObject({
      note: undefined,
      inNote: true,
      paddr: bad.dump.vmcoreinfoAddress,
      reason: undefined,
    });
    expect(copy).toMatchObject({ note: undefined, inNote: false, kernel: taken?.kernel });
    expect(note).toMatchObject({
      note: 1,
      paddr: undefined,
      pages: undefined,
      reason: expect.stringContaining("page tables"),
    });
    const place = `0x${taken?.paddr?.toString(16)}`;
    expect(warnings.list[0]?.message).toContain(`the text in memory at ${place} was taken`);
  });

  test("where no text leads to the kernel, the error names what gives one", async () => {
    const { vmcore } = await realDump(name);
    const dump = openDump(vmcore);
    const memory: PhysicalMemory = { ...dump.memory, next: () => Number.POSITIVE_INFINITY, read: () => 0 };
    const broken = withNotes({ ...dump, memory }, [await textOf("tiny-x86-6.12")]);
    const error = openSession(broken).whyNoView;
    dump.close();
    expect(error).toMatchObject({ code: "CANNOT_FILTER" });
    for (const option of ["vmcoreinfoAt", "vmlinux", "vmcoreinfo"]) expect(error?.cure).toContain(option);
  });
});
