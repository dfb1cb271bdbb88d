import { codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import { leaveOutUntouchable } from "../filter/untouchable-pages.js";
import { type RecordedRun, readManifest } from "../manifest/read-manifest.js";
import { onlyGiven } from "../only-given.js";
import { checkArgument, checkGiven, someFileNames } from "../option-shape.js";
import { either } from "../option-words.js";
import { fillBitmaps, segmentsOf, stretchesOf } from "../reader/attach.js";
import { copyOfBitmap, countBits, type PageBitmap, sharedBitmap } from "../reader/bitmap.js";
import type { Dump, DumpImage } from "../reader/dump.js";
import type { ElfDump } from "../reader/elf/open.js";
import { openInput } from "../reader/open-input.js";
import { inputChanged, isLive, maySeeChanges } from "../reader/source/input-changed.js";
import { reportSearch, type Session } from "../run/own-session.js";
import { openSessionAwake } from "../run/session.js";
import { Warnings } from "../warnings.js";
import { checkDump } from "../worker/check-dump.js";
import { WorkerPool } from "../worker/pool.js";
import { WorkerThreads } from "../worker/threads.js";
import { type Finding, type FindingKind, Findings } from "./findings.js";
import type { Comparison } from "./verify-against.js";
import { verifyElf } from "./verify-elf.js";
import { verifyKdump } from "./verify-kdump.js";
import { verifyAddresses, verifyKernel } from "./verify-kernel.js";
import { type ManifestCheck, sameAsWritten, verifyRecorded } from "./verify-manifest.js";
import { digestContext, VERIFY_SHAPE, type VerifyOptions } from "./verify-options.js";
import { type CheckedDump, compareWithOriginal } from "./verify-original.js";
import { type AuditCheck, verifyAudited, verifySignatures } from "./verify-signed.js";

/** The result of verifying a dump. */
export interface VerifyResult {
  /** Whether nothing is wrong with it. */
  readonly whole: boolean;
  readonly files: readonly string[];
  /** For people; `undefined` if the headers cannot be used. */
  readonly description: string | undefined;
  /** Number of pages that should be there, and of those that can be read. */
  readonly promised: number;
  readonly readable: number;
  /** Of the pages that can be read, those that are all zeros: the counts of a run call them dropped, not kept. */
  readonly zeros: number;
  /** The first findings of each kind. */
  readonly findings: readonly Finding[];
  /** Number of findings of each kind. */
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  readonly kernelRelease: string | undefined;
  /** Number of addresses in VMCOREINFO that were followed, and how many lead to memory that the dump has. */
  readonly symbols: number;
  readonly symbolsFound: number;
  /** What could not be checked, and why. */
  readonly notChecked: readonly string[];
  readonly comparison: Comparison | undefined;
  readonly manifest: ManifestCheck | undefined;
  /** Present if an audit's result was given. */
  readonly audit?: AuditCheck;
  /** Present if a key was given: whether manifest and audit's result are signed with it. */
  readonly signed?: boolean;
}

/**
 * Checks a dump of any format from its header to its last page: whether it has what its headers promise, whether every
 * page can be decoded, and whether the kernel is where VMCOREINFO says. With `against`, compares every page with the
 * original; with `manifest`, compares the file with the record of its run. Writes nothing. Faults of the dump are in
 * the result. Throws `DumpError`s only if it cannot be checked at all: `NOT_READABLE`, `NOT_A_DUMP`, `BAD_OPTION`,
 * `UNSUPPORTED`, `CODEC_MISSING`, `ABORTED`, and for an original or a manifest that cannot be opened.
 */
export async function verifyDump(
  paths: string | readonly string[],
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  checkArgument("paths", paths, someFileNames);
  checkGiven(options, VERIFY_SHAPE);
  const files = typeof paths === "string" ? [paths] : paths;
  const findings = new Findings(options.maxFindings ?? DEFAULT_FINDINGS);
  const warnings = new Warnings();
  const run = await recordedRun(files, options);
  const signed = await checkSignatures(options, findings);
  const dump = await openDamaged(files, warnings, options, findings);
  if (dump === undefined) {
    const manifest = run && (await checkManifest(files, undefined, run, findings, options));
    const { audit: record } = options;
    const audit = record && (await verifyAudited(files[0] ?? "", undefined, record, findings, digestContext(options)));
    const summary = { files, findings: findings.list, counts: findings.counts, manifest };
    return { ...NOTHING, ...summary, ...(audit && { audit }), ...signed };
  }
  let threads: WorkerThreads | undefined;
  try {
    threads = options.workers instanceof WorkerThreads ? options.workers : new WorkerThreads(options.workers);
    return { ...(await verifyOpened(dump, warnings, findings, threads, options, run)), ...signed };
  } finally {
    if (threads !== options.workers) await threads?.destroy();
    dump.close();
  }
}

const DEFAULT_FINDINGS = 10;

const NOTHING = {
  whole: false,
  description: undefined,
  promised: 0,
  readable: 0,
  zeros: 0,
  kernelRelease: undefined,
  symbols: 0,
  symbolsFound: 0,
  notChecked: ["its pages: the headers cannot be used"],
  comparison: undefined,
} as const;

async function verifyOpened(
  input: Dump | ElfDump,
  warnings: Warnings,
  findings: Findings,
  threads: WorkerThreads,
  options: VerifyOptions,
  recorded: RecordedRun | undefined,
): Promise<VerifyResult> {
  const file = input.paths[0] ?? "";
  const image = input.image;
  const opening = new Map(warnings.list.map(({ code, count }) => [code, count]));
  // First that a file is cut off: most of what follows comes from that.
  takeWarnings(warnings, findings, file, image.kind !== "kdump");
  if (image.kind === "kdump") verifyKdump(image, findings);
  const uncompared = segmentsOf(input) === undefined ? [] : verifyElf(input as ElfDump, findings);
  const session = await openSessionAwake(input, { ...options, onReached: reportSearch(input, options.onProgress) });
  const { dump } = session;
  const pages = dump.maxMapnr;
  const stretches = stretchesOf(dump.image);
  const readable = sharedBitmap(stretches);
  fillBitmaps(dump.image, { data: readable });
  const promised = promisedPages(dump.image, readable);
  if (countBits(promised, 0, pages) === 0) {
    findings.add({ kind: "missing-page", message: "it has no page of memory", file });
  }
  const cutAway = dump.image.kind === "kdump" ? 0 : (opening.get("MISSING_PAGES") ?? 0);
  const untouched = leaveOut(session, readable);
  const zeros = await checkPages({ dump, readable, findings, threads, options, file });
  const kernel = verifyKernel(session, findings);
  const addressed = verifyAddresses(dump, kernel.view, findings);
  if (recorded !== undefined) verifyRecorded(dump, countBits(promised, 0, pages), recorded, findings);
  const manifest = recorded && (await checkManifest(input.paths, input, recorded, findings, options));
  const compared =
    options.against === undefined
      ? undefined
      : await compareWithOriginal(options.against, { dump, readable, promised, findings, threads, options, recorded });
  const notChecked = [...uncompared, ...(kernel.notChecked === undefined ? [] : [`the kernel: ${kernel.notChecked}`])];
  if (!addressed) notChecked.push("its virtual addresses: the kernel's page tables were not found");
  if (manifest !== undefined && manifest.sameFile === undefined) {
    notChecked.push(
      isLive(dump.image)
        ? "the file's digest: it is a machine's memory, which may not be read as a whole"
        : "the file's digest: the manifest's is of the packed file, which came as a stream",
    );
  }
  if (untouched > 0)
    notChecked.push(`${untouched} pages with memory errors or given to the hypervisor: they were not touched`);
  const audit = options.audit && (await verifyAudited(file, input, options.audit, findings, digestContext(options)));
  const change = inputChanged(dump.image);
  if (change !== undefined && !maySeeChanges(dump)) throw change;
  for (const one of [change, compared?.change]) {
    if (one !== undefined) notChecked.push(`pages of one moment: ${one.summary}`);
  }
  const counts = findings.counts;
  return {
    ...(audit && { audit }),
    whole: Object.values(counts).every((count) => count === 0),
    files: dump.paths,
    description: dump.header.description,
    promised: countBits(promised, 0, pages) + cutAway,
    readable: countBits(readable, 0, pages),
    zeros,
    findings: findings.list,
    counts,
    kernelRelease: kernel.view?.utsname.release ?? dump.vmcoreinfo?.osrelease,
    symbols: kernel.symbols,
    symbolsFound: kernel.symbolsFound,
    notChecked,
    comparison: compared?.comparison,
    manifest: manifest && { ...manifest, sameInput: compared?.sameInput },
  };
}

/**
 * The pages that a dump should have, of those that it has. A kdump's second bitmap also promises pages that are in no
 * file. The missing pages of an ELF file are counted where it is cut off.
 */
function promisedPages(image: DumpImage, readable: PageBitmap): PageBitmap {
  if (image.kind !== "kdump") return isLive(image) ? copyOfBitmap(readable) : readable;
  const promised = sharedBitmap(readable.stretches);
  fillBitmaps({ ...image, present: image.dumped }, { data: promised });
  return promised;
}

/** Reads and decodes every page that the dump can provide. Returns how many of them are all zeros. */
async function checkPages({ dump, readable, findings, threads, options, file }: PagesToCheck): Promise<number> {
  const { signal, onProgress } = options;
  const run = { image: dump.image, pageSize: dump.pageSize, kept: readable, kernel: undefined };
  const pool = new WorkerPool(threads, { ...run, codec: codecOf("none", undefined), dedupe: false }, signal);
  try {
    const total = countBits(readable, 0, dump.maxMapnr);
    let checked = 0;
    const result = await checkDump(pool, readable, dump.maxMapnr, (more) => {
      checked += more;
      onProgress?.({ phase: "check", done: checked, total });
    });
    for (const { pfn, reason, offset } of result.faults) {
      const where = offset === undefined ? {} : { offset };
      findings.add({ kind: "bad-page", message: reason, file, pfn, ...where }, 0);
    }
    findings.count("bad-page", result.unreadable);
    return result.zeros;
  } finally {
    await pool.end();
  }
}

interface PagesToCheck extends Pick<CheckedDump, "dump" | "readable" | "findings" | "threads" | "options"> {
  readonly file: string;
}

/** Clears the bits of pages that must not be read, if the dump is a machine's memory. Returns how many there are. */
function leaveOut({ dump, view }: Session, readable: PageBitmap): number {
  return view === undefined || !isLive(dump.image) ? 0 : leaveOutUntouchable(dump, view, readable);
}

async function recordedRun(files: readonly string[], { manifest }: VerifyOptions): Promise<RecordedRun | undefined> {
  if (manifest === undefined) return undefined;
  if (files.length > 1) throw new DumpError("BAD_OPTION", `a manifest describes one file, not ${files.length}`);
  return readManifest(manifest);
}

/** With a key, checks the signatures. Throws `BAD_OPTION` if there is no file that could be signed. */
async function checkSignatures(
  { manifest, audit, key }: VerifyOptions,
  findings: Findings,
): Promise<{ readonly signed?: boolean }> {
  if (key === undefined) return {};
  const files = [manifest, audit].filter((name) => name !== undefined);
  if (files.length === 0) {
    throw new DumpError("BAD_OPTION", "a key was given, but no signed file", {
      cure: `${either("`verify DUMP --manifest M --key K`", "`manifest: M` with `key: K`")} checks the signature M.sig`,
    });
  }
  return { signed: await verifySignatures(files, key, findings) };
}

async function checkManifest(
  files: readonly string[],
  dump: Dump | undefined,
  run: RecordedRun,
  findings: Findings,
  options: VerifyOptions,
): Promise<ManifestCheck> {
  const sameFile = await sameAsWritten(files[0] ?? "", dump, run, findings, digestContext(options));
  return { file: options.manifest ?? "", name: run.output.name, sameFile, sameInput: undefined };
}

/** Opens a dump, however damaged it is. `undefined` if its headers cannot be used, which is a finding. */
async function openDamaged(
  files: readonly string[],
  warnings: Warnings,
  options: VerifyOptions,
  findings: Findings,
): Promise<Dump | ElfDump | undefined> {
  try {
    const { open, signal } = options;
    return await openInput(files, warnings, { ...open, salvage: true, ...(signal && { signal }) });
  } catch (error) {
    if (!(error instanceof DumpError) || !["TRUNCATED", "CORRUPT", "LIMIT"].includes(error.code)) throw error;
    const { reason, file, offset, code } = error;
    findings.add({
      kind: code === "TRUNCATED" ? "cut-off" : "header",
      message: reason,
      ...onlyGiven({ file, offset }),
    });
    return undefined;
  }
}

/**
 * Turns warnings of opening the dump into findings. Descriptors of a kdump file are checked one by one elsewhere, so
 * they are not counted here.
 */
function takeWarnings(warnings: Warnings, findings: Findings, file: string, missing: boolean): void {
  const kinds: Readonly<Record<string, FindingKind>> = {
    CUT_OFF: "cut-off",
    NOTE: "note",
    VMCOREINFO_LINE: "vmcoreinfo",
    ...(missing ? { MISSING_PAGES: "missing-page", BAD_PAGES: "bad-page" } : {}),
  };
  for (const { code, count } of warnings.list) {
    const kind = kinds[code];
    if (kind !== undefined) findings.add({ kind, message: warnings.reasonOf(code) ?? "", file }, count);
  }
}
