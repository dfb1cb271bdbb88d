/** The facts of a run that never was, for pages. */
import type { PageFacts } from "../../src/handover/page.js";

const MIB = 256;

/** All that a page shows, with one name everywhere. */
export function pageFacts(name: string): PageFacts {
  const sha256 = "0123456789abcdef".repeat(4);
  const warning = { code: "PRIVACY_GAP", message: `in doubt about ${name}`, count: 3 } as const;
  const classes = {
    ...{
      kept: 12 * MIB,
      cache: 100 * MIB,
      "cache-private": MIB,
      user: 300 * MIB,
      free: 500 * MIB,
      hwpoison: 1,
      offline: 2,
    },
    ...{
      zero: 7,
      unreferenced: MIB,
      "off-lru": 9,
      unknown: 10 * MIB,
      "no-struct-page": 4,
      device: 5,
      "crash-kernel": 64 * MIB,
    },
  };
  const facts = {
    manifest: {
      tool: { name: "coresieve", version: "1.2.3", node: "v20" },
      ended: "2026-11-29T12:00:00.000Z",
      input: { files: [{ name, bytes: 4e9, sha256 }] },
      output: { name, bytes: 15e6, sha256, sealed: { name: `${name}.age`, bytes: 15.1e6, sha256, recipients: 2 } },
      options: { privacyExtra: ["registers", "tty"], erase: name },
      kernel: { release: name, arch: "x86_64", pageSize: 4096, crashTime: "2026-11-28T03:04:05.000Z" },
      pages: { input: 1000 * MIB, kept: 12 * MIB },
      doubts: { warnings: [warning] },
    },
    filtered: {
      classes,
      beyondMemMap: 64,
      privacy: {
        ...{ reserved: 8 * MIB, slab: 3 * MIB, known: 200, stack: 40, percpu: 16, clearedNotes: 4 },
        overwritten: { "free-objects": { objects: 3000, bytes: 700_000 }, screens: { objects: 1, bytes: 4000 } },
        remains: [`slab pages: ${name}`, "kernel stacks: copies in progress"],
      },
      erase: { rules: [{}, {}], overwritten: 65 },
    },
    audit: { kinds: [{ pages: 12 * MIB }], memoryBytes: 5e7, outsideBytes: 3e5, warnings: [] },
    verified: {
      ...{ readable: 3072, promised: 3072, zeros: 0, notChecked: [name] },
      comparison: { same: 3000, erased: 72, different: 0, unknown: 0, missing: 400_000 },
    },
    beside: [
      { kind: "manifest", name: `${name}.json`, sha256 },
      { kind: "audit", name: `${name}.audit.json`, sha256 },
    ],
    signed: true,
    erased: true,
    searched: 3,
  };
  return facts as unknown as PageFacts;
}
