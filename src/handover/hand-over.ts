import { createHash } from "node:crypto";
import { basename } from "node:path";
import { auditJson } from "../audit/audit-record.js";
import { DumpError } from "../errors.js";
import { shownJson } from "../foreign-text.js";
import { digestFile, type FileDigest, filesOfDump } from "../manifest/digest.js";
import { type Manifest, manifestOf } from "../manifest/manifest.js";
import { Period } from "../manifest/period.js";
import { openSignedFile, type SignedFile, signingKey } from "../manifest/signed-file.js";
import { onlyGiven } from "../only-given.js";
import { aDump, checkArgument, checkGiven } from "../option-shape.js";
import { packageVersion } from "../package-version.js";
import type { Dump } from "../reader/dump.js";
import { openInput } from "../reader/open-input.js";
import { shownPath } from "../reader/source/held-folder.js";
import { codecFor } from "../run/check-values.js";
import { type FilterResult, filterDump, type WholeFilterOptions } from "../run/filter-dump.js";
import { Warnings } from "../warnings.js";
import { WorkerThreads } from "../worker/threads.js";
import { abandoned } from "../writer/abandoned.js";
import { sameOutput } from "../writer/output-path.js";
import { type CheckedOutput, checkOutput } from "./check-output.js";
import type { HandOverFiles, HandOverOptions, HandOverProgress, HandOverResult } from "./hand-over-types.js";
import { HAND_OVER } from "./hand-over-types.js";
import { handOverPage } from "./page.js";
import { type HandOverPlace, openPlace } from "./place.js";
import { progressOf } from "./progress.js";
import { sealer } from "./seal.js";

export type { HandOverFiles, HandOverOptions, HandOverProgress, HandOverResult } from "./hand-over-types.js";

type Progress = ReturnType<typeof progressOf>;

/** Level 31, which privacy needs. */
const LEVEL = 31;

/**
 * Prepares a dump for handing it over, in one go: filters it with privacy; audits what was written; verifies it against
 * the original; writes the record of the run, the audit's result and a page for the person who decides. All of them
 * appear under their names only when all checks have passed. Findings are in the result, and then nothing is left;
 * nothing is left either if a `DumpError` is thrown: those of `filterDump`, `auditDump`, `verifyDump`.
 */
export async function handOver(dump: Dump, options: HandOverOptions): Promise<HandOverResult> {
  checkGiven(options, HAND_OVER);
  checkArgument("dump", dump, aDump);
  checkNames(options);
  const warnings = options.warnings ?? new Warnings();
  const place = await openPlace(options, dump.paths, await sealer(options.recipients));
  let files: Beside | undefined;
  let threads: WorkerThreads | undefined;
  try {
    files = await openBeside(options, dump.paths);
    threads = options.workers instanceof WorkerThreads ? options.workers : new WorkerThreads(options.workers);
    return await run(dump, { ...options, warnings, workers: threads }, place, files);
  } catch (error) {
    throw await abandoned(error, place, ...Object.values(files ?? {}));
  } finally {
    if (threads !== options.workers) await threads?.destroy();
  }
}

type RunOptions = HandOverOptions & { readonly workers: WorkerThreads; readonly warnings: Warnings };

/** The further files, which are opened before the run, so that a name that is not possible is reported at once. */
type Beside = Partial<Record<keyof HandOverFiles, SignedFile>>;

async function run(dump: Dump, options: RunOptions, place: HandOverPlace, files: Beside): Promise<HandOverResult> {
  const { erase, signal } = options;
  const period = new Period();
  const progress = progressOf(
    [
      ...(["find", "classify", "check", ...(erase === undefined ? [] : ["search"]), "zero", "write"] as const),
      ...(["audit", "verify", "compare", "digest", ...(place.sends ? ["send"] : [])] as const),
    ] as HandOverProgress["phase"][],
    options.onProgress,
  );
  const filter = filterOptions(options, place, progress);
  const filtered = await filterDump(dump, filter);
  const written = await openInput(place.work.path(), new Warnings()).catch(named);
  try {
    const auditing = new Period();
    const checked = await checkOutput(written, dump, options, place, progress);
    const { audit, verified } = checked;
    if (!audit.clean || !verified.whole) {
      await giveUp(place, files);
      return { handedOver: false, filtered, audit, verified, manifest: undefined, written: [] };
    }
    const pages = (bytes: number) => Math.floor(bytes / dump.pageSize);
    const digesting = (done: number, total: number) => progress("digest", pages(done), pages(total));
    const inputFiles = await filesOfDump(dump, true, signal, digesting);
    const outputDigest = await digestFile(place.work.path(), signal);
    const sealedDigest = await place.send(signal, (done, total) => progress("send", pages(done), pages(total)));
    const plainName = basename(place.name, options.recipients?.length ? ".age" : "");
    const sealed = sealedDigest && {
      ...{ name: basename(place.name), ...sealedDigest, recipients: options.recipients?.length ?? 0 },
    };
    const manifest = manifestOf({
      ...{ dump, written, result: filtered, inputFiles, outputDigest, ...(sealed && { sealed }) },
      options: { ...filter, output: describedOutput(options.output, plainName) },
      version: packageVersion(),
      started: period.started,
      ended: period.ended(),
    });
    const audited = auditJson(audit, {
      files: [{ path: plainName, ...outputDigest, covers: "file" }],
      ...{ started: auditing.started, ended: auditing.ended() },
      options: {
        secrets: options.secrets?.length ?? 0,
        original: dump.paths[0],
        vmlinux: typeof options.vmlinux === "object" ? options.vmlinux.name : options.vmlinux,
        salvage: false,
      },
    });
    await publish(place, files, textsOf(manifest, audited, filtered, checked, options));
    const left = place.leftBehind();
    if (left !== undefined) options.warnings.add("LEFT_BEHIND", `it was handed over, but ${left}`);
    const names = [place.name, ...Object.values(options.files ?? {})];
    return { handedOver: true, filtered, audit, verified, manifest, written: names };
  } catch (error) {
    return named(error);
  } finally {
    written.close();
  }
}

/** The path of an output that has no name yet goes through a descriptor, which means nothing to users. */
function named(error: unknown): never {
  if (!(error instanceof DumpError) || error.file === undefined) throw error;
  throw error.with({ file: shownPath(error.file) });
}

/** The output as the manifest describes it: the dump inside, if it is sealed. */
function describedOutput(output: HandOverOptions["output"], name: string): WholeFilterOptions["output"] {
  return "stream" in output ? { ...output, plain: true } : { ...output, path: name };
}

/** The options of the filter run. */
function filterOptions(options: RunOptions, place: HandOverPlace, progress: Progress): WholeFilterOptions {
  const { vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice, vmlinux, erase, privacyExtra, spool, signal, dedupe } = options;
  const { format = "kdump", codec } = options;
  return {
    ...onlyGiven({
      vmcoreinfo,
      vmcoreinfoAt,
      vmcoreinfoDevice,
      vmlinux,
      erase,
      privacyExtra,
      privacyKeep: options.privacyKeep,
      spool,
      signal,
      dedupe,
    }),
    ...{ level: LEVEL, privacy: options.privacy ?? true, format, codec: codecFor(format, codec) },
    ...{ workers: options.workers, warnings: options.warnings, output: { sink: place.work.sink } },
    onProgress: ({ phase, done, total }) => progress(phase, done, total),
  };
}

/** The contents of the further files. */
function textsOf(
  manifest: Manifest,
  audited: object,
  filtered: FilterResult,
  { audit, verified }: CheckedOutput,
  { files = {}, sign, erase, secrets }: HandOverOptions,
): Record<keyof HandOverFiles, Uint8Array> {
  const texts = {
    manifest: Buffer.from(`${shownJson(manifest, 2)}\n`),
    audit: Buffer.from(`${shownJson(audited, 2)}\n`),
  };
  const beside = (["manifest", "audit"] as const).flatMap((kind) => {
    const name = files[kind];
    return name === undefined ? [] : [{ kind, name: basename(name), ...digestOf(texts[kind]) }];
  });
  const signed = sign !== undefined;
  const page = handOverPage({
    manifest,
    filtered,
    audit,
    verified,
    beside,
    signed,
    erased: erase !== undefined,
    searched: secrets?.length ?? 0,
  });
  return { ...texts, page: Buffer.from(page) };
}

function digestOf(bytes: Uint8Array): FileDigest {
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** The page comes last: when it is there, everything is. */
const ORDER = ["audit", "manifest", "page"] as const;

async function publish(
  place: HandOverPlace,
  files: Beside,
  texts: Record<keyof HandOverFiles, Uint8Array>,
): Promise<void> {
  await place.appear();
  for (const kind of ORDER) await files[kind]?.write(texts[kind]);
}

/** There were findings. Throws `NOT_WRITABLE` if the written files cannot be removed. */
async function giveUp(place: HandOverPlace, files: Beside): Promise<void> {
  for (const one of [place, ...Object.values(files)]) {
    await one.abort();
    const left = one.leftBehind();
    if (left === undefined) continue;
    throw new DumpError("NOT_WRITABLE", `something was found in it, and ${left}`, { file: place.name });
  }
}

/** Opens the further files, in the order in which they appear. */
async function openBeside({ files = {}, sign, output }: HandOverOptions, inputs: readonly string[]): Promise<Beside> {
  const key = await signingKey(sign);
  const opened: Beside = {};
  const force = "force" in output && output.force === true;
  try {
    for (const kind of ORDER) {
      const path = files[kind];
      if (path !== undefined)
        opened[kind] = await openSignedFile(path, kind === "page" ? undefined : key, force, inputs);
    }
    return opened;
  } catch (error) {
    throw await abandoned(error, ...Object.values(opened));
  }
}

/** Throws `BAD_OPTION` if two outputs have the same name. */
function checkNames({ output, files = {}, sign }: HandOverOptions): void {
  const names = [...("path" in output ? [output.path] : []), ...Object.values(files)];
  const twice = names.find((name, i) => names.slice(0, i).some((other) => sameOutput(other, name)));
  if (twice !== undefined) {
    throw new DumpError("BAD_OPTION", "two outputs have the same name, or lead to the same file", { file: twice });
  }
  if (sign !== undefined && files.manifest === undefined && files.audit === undefined) {
    throw new DumpError("BAD_OPTION", "a key was given, and nothing that it could sign", {
      cure: "Name the manifest or the audit's result",
    });
  }
}
