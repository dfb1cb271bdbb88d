/** Texts, notes and small tables: what is parsed out of a buffer. */
import { parseSecrets } from "../../src/audit/secrets.js";
import { eraseRequest } from "../../src/filter/erase/erase-run.js";
import { PatternFinder } from "../../src/filter/text/find-patterns.js";
import { WideTexts } from "../../src/filter/text/wide-texts.js";
import { pageLayout } from "../../src/kernel/page/page-layout.js";
import { parseKernelVersion } from "../../src/kernel/version.js";
import { runAtOnce } from "../../src/long-work.js";
import { privateKeyOf, publicKeyOf, signatureOf } from "../../src/manifest/signature.js";
import { layer } from "../../src/reader/extents.js";
import { extentsMemory } from "../../src/reader/extents-memory.js";
import { fields } from "../../src/reader/fields.js";
import { allMachines } from "../../src/reader/machine.js";
import { countCpus, findVmcoreinfo, parseNotes } from "../../src/reader/notes.js";
import { readUtsname, UTSNAME_SIZE } from "../../src/reader/utsname.js";
import { parseVmcoreinfo } from "../../src/reader/vmcoreinfo.js";
import { decodeDeviceEntry, ENTRY_SIZE, followDeviceEntry } from "../../src/reader/vmcoreinfo-device.js";
import { scanForVmcoreinfo, textAt } from "../../src/reader/vmcoreinfo-scan.js";
import { parseAudit } from "../../src/verify/verify-signed.js";
import { Warnings } from "../../src/warnings.js";
import { buildKernel, MiB } from "../../test/support/kernel-image.js";
import { encodeNotes, prstatusNote, qemuNote, vmcoreinfoNote } from "../../test/support/notes.js";
import { plainLandmarks } from "../../test/support/plain-landmarks.js";
import { attempt } from "../look.js";
import type { FuzzTarget } from "../target.js";

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

let made: readonly string[] | undefined;
/** VMCOREINFO of an old and a new built kernel. */
function infos(): readonly string[] {
  made ??= ["2.6.32", "6.12.0"].map((release) => buildKernel({ release, memory: 24 * MiB }).vmcoreinfo);
  return made;
}

const vmcoreinfoTarget: FuzzTarget = {
  name: "vmcoreinfo",
  text: true,
  longest: 16_384,
  seeds: () => infos().map((text) => Buffer.from(text)),
  run(input) {
    const info = parseVmcoreinfo(latin1(input), new Warnings());
    const version = parseKernelVersion(info.osrelease ?? "") ?? 0x06_01_00;
    for (const machine of allMachines()) attempt(() => pageLayout(info, machine, version));
    for (const value of [info.pageSize, info.crashTime]) {
      if (value !== undefined && !Number.isSafeInteger(value)) throw new Error(`a number ${value}`);
    }
    for (const name of ["page", "page.flags", "list_head.next", "mem_section", "zone.free_area"]) {
      for (const value of [info.size(name), info.offset(name), info.length(name)]) {
        if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) throw new Error(`a count ${value}`);
      }
      info.symbol(name);
      info.number(name);
    }
  },
};

const notesTarget: FuzzTarget = {
  name: "notes",
  longest: 4096,
  seeds: () =>
    (["little", "big"] as const).map((order) =>
      encodeNotes(
        [prstatusNote(1), { ...qemuNote(), name: "" }, vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n")],
        order,
      ),
    ),
  run(input) {
    for (const little of [true, false]) {
      const notes = parseNotes(input, little, "fuzz", new Warnings());
      for (const { desc, descOffset } of notes) {
        if (descOffset + desc.length > input.length) throw new Error("a note beyond its area");
      }
      countCpus(notes);
      const found = findVmcoreinfo(notes);
      if (found !== undefined) parseVmcoreinfo(latin1(found.desc), new Warnings());
    }
    if (input.length >= UTSNAME_SIZE) readUtsname(fields(input, true, "fuzz"), 0);
  },
};

/** The device's entry, then memory from 4 KiB on. */
const deviceTarget: FuzzTarget = {
  name: "vmcoreinfo-device",
  longest: 16_384,
  reach: 64,
  seeds: () =>
    infos().map((text) => {
      const note = encodeNotes([vmcoreinfoNote(text)], "little");
      const entry = Buffer.alloc(ENTRY_SIZE);
      entry.writeUInt16LE(1, 0);
      entry.writeUInt16LE(1, 2);
      entry.writeUInt32LE(note.length, 4);
      entry.writeBigUInt64LE(0x1000n, 8);
      return Buffer.concat([entry, note, Buffer.from(text)]);
    }),
  run(input) {
    const bytes = input.subarray(ENTRY_SIZE);
    const source = {
      name: "memory",
      size: bytes.length,
      read(into: Uint8Array, offset: number) {
        const part = bytes.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      },
    };
    const memory = extentsMemory(source, layer([{ start: 4096, end: 4096 + bytes.length, source: 0 }]));
    attempt(() => followDeviceEntry(memory, decodeDeviceEntry(input.subarray(0, ENTRY_SIZE))));
    for (const { paddr } of runAtOnce(scanForVmcoreinfo(memory)).found) {
      if (textAt(memory, paddr) === undefined) throw new Error("a text found, and not there when asked for");
    }
  },
};

const RULES = [
  'text "correct horse \\u00fc"\nbytes 00ff 4142\npattern /user-\\d{2,3}(?:[a-f]|x)+\\b/i # no\nclass card\n',
  "class e-mail\nclass ipv4\npattern /\\b[^,;]{4}key=.*[\\w-]?/\n10.1.2.3 a@b.example user-12f\n",
  "physical 0x1000-0x2000\n? physical 4096 size 16\n",
  "# comment\nsymbol saved_command_line nullify\nslab kmalloc-64\nmember task_struct.comm of list init_task.tasks through tasks where .pid = 1\n",
  'member key.payload.data[0] of slab key_jar size .datalen\nsymbol init_task->cred.uid size 4\nmember a.b of chain first through next where .name = "x # y"\n',
  "[vmlinux]\nerase saved_command_line\nerase init_task.comm size 16\nfor vma in init_mm.mmap within vm_area_struct:vm_next\n  erase vma.vm_start nullify\nendfor\n",
];

const rulesTarget: FuzzTarget = {
  name: "erase-rules",
  text: true,
  longest: 4096,
  seeds: () => RULES.map((text) => Buffer.from(text)),
  run(input) {
    const { search } = eraseRequest({ name: "rules", text: latin1(input) });
    if (search === undefined) return;
    // The rules themselves are as good a memory as any.
    const memory = new Uint8Array(input.length + 8);
    memory.set(input, 4);
    const searched = { bytes: memory, from: 4, to: 4 + input.length };
    const inside = ({ start, end }: { start: number; end: number }) => {
      if (start < searched.from || end > searched.to || start >= end) throw new Error("a match beyond its memory");
    };
    const finder = new PatternFinder(search);
    const all: unknown[] = [];
    finder.find(searched, (match) => {
      inside(match);
      all.push(match);
    });
    const near: unknown[] = [];
    finder.find(searched, (match) => near.push(match), plainLandmarks(search.finders, searched));
    if (JSON.stringify(near) !== JSON.stringify(all)) throw new Error("landmarks lead past a match");
    new WideTexts(finder).find(searched, inside);
  },
};

const secretsTarget: FuzzTarget = {
  name: "secrets",
  text: true,
  longest: 8192,
  seeds: () =>
    ["secret one\nhex:00112233445566\n# comment\n", "hex: 41:42:43 44\r\npassword\r\n"].map((text) =>
      Buffer.from(text),
    ),
  run: (input) => void parseSecrets(input, "secrets"),
};

/** Keys of either format, private or public, and the result of an audit. */
const keysTarget: FuzzTarget = {
  name: "keys",
  text: true,
  longest: 2048,
  seeds: () =>
    [
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEHEqOrbiKzozipqUCv4tKp/fFPwvelFRqanU0+FcxWm\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPTaeO2837HcZ238qpURbvphnhgf7NSkSNYnrn10PZQE=\n-----END PUBLIC KEY-----\n",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\nQyNTUxOQAAACBhVBDmhwO85bx2YSzYZv3ViB2RTtIq7WP6YRwGSz2H1wAAAIjt5oH27eaB\n9gAAAAtzc2gtZWQyNTUxOQAAACBhVBDmhwO85bx2YSzYZv3ViB2RTtIq7WP6YRwGSz2H1w\nAAAEB6KZXFs5L/MgZS7eTiwKiVaBFLXIe+gFfX8wovuYy1M2FUEOaHA7zlvHZhLNhm/dWI\nHZFO0irtY/phHAZLPYfXAAAABHRlc3QB\n-----END OPENSSH PRIVATE KEY-----\n",
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFUEOaHA7zlvHZhLNhm/dWIHZFO0irtY/phHAZLPYfX test\n",
      '{"schema":1,"audited":[{"name":"out","bytes":1,"sha256":null,"covers":null}],"clean":true}',
    ].map((text) => Buffer.from(text)),
  run(input) {
    const text = latin1(input);
    attempt(() => signatureOf(input, privateKeyOf(text, "key")));
    attempt(() => publicKeyOf(text, "key"));
    attempt(() => parseAudit(text, "audit"));
  },
};

export const textTargets: readonly FuzzTarget[] = [
  keysTarget,
  vmcoreinfoTarget,
  notesTarget,
  deviceTarget,
  rulesTarget,
  secretsTarget,
];
