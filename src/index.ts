export { type AuditOptions, auditDump } from "./audit/audit-dump.js";
export type { AuditResult, KindCount, PagePlace, SecretCount, SecretPlace } from "./audit/audit-result.js";
export type { PageOwner } from "./audit/page-owner.js";
export type { FilePlace } from "./audit/search-file.js";
export { parseSecrets, readSecrets, type Secret } from "./audit/secrets.js";
export { CODEC_NAMES, type Codec, type CodecName, codecOf } from "./codec/codecs.js";
export { DumpError, type DumpErrorCode, type DumpErrorDetails, type DumpErrorSubcode } from "./errors.js";
export { type EstimateOptions, estimateDump } from "./estimate/estimate-dump.js";
export type { EstimateResult, LevelEstimate, SizeEstimate } from "./estimate/estimate-result.js";
export type { ErasedRule, EraseResult } from "./filter/erase/erase-run.js";
export type { EraseFile } from "./filter/erase/parse-rules.js";
export {
  type ClassCounts,
  type FurtherClass,
  PAGE_CLASSES,
  type PageClass,
  PRIVACY_CLASSES,
  type PrivacyClass,
} from "./filter/page-classes.js";
export { levelOfNames, namesOfLevel } from "./filter/policy.js";
export type { KernelPageCounts } from "./filter/privacy/kernel-pages.js";
export { PRIVACY_EXTRAS, PRIVACY_KEEPS, type PrivacyExtra, type PrivacyKeep } from "./filter/privacy/privacy-names.js";
export type { PrivacyResult, ScrubCount } from "./filter/privacy/privacy-result.js";
export { SCRUBBED, type Scrubbed } from "./filter/privacy/scrubbed.js";

export {
  type HandOverFiles,
  type HandOverOptions,
  type HandOverProgress,
  type HandOverResult,
  handOver,
} from "./handover/hand-over.js";
export type { CompleteOptions } from "./kernel/complete-own.js";
export type { KernelSymbols } from "./kernel/debuginfo/kernel-symbols.js";
export type { KernelMember, KernelScalar, KernelTypes } from "./kernel/debuginfo/kernel-types.js";
export type { DumpedKernel } from "./kernel/dumped-kernel.js";
export type { GivenVmcoreinfo } from "./kernel/given-vmcoreinfo.js";
export { formatRecord, LOG_FORMATS, type LogFormat } from "./kernel/log/format-record.js";
export type { KernelLog, LogRecord } from "./kernel/log/log-record.js";
export type { WalkEnd } from "./kernel/objects/kernel-objects.js";
export { PAGE_KINDS, type PageKind } from "./kernel/page/page-kinds.js";
export { type KernelOptions, kernelOf, readKernelLog } from "./library/kernel-of.js";
export { DumpPage, type PageChunk, type PagesOptions, pageChunksOf, pagesOf } from "./library/pages-of.js";
export { type KernelTask, tasksOf } from "./library/tasks-of.js";
export { type DigestProgress, digestFile, type FileDigest, filesOfDump, type InputFile } from "./manifest/digest.js";
export { type Manifest, type ManifestFacts, type ManifestFile, manifestOf } from "./manifest/manifest.js";
export type { RunState, Submission } from "./queue/submission.js";
export { type SubmitOptions, submitRun } from "./queue/submit-run.js";
export { type WatchOptions, watchRun } from "./queue/watch-run.js";
export type { Dump, DumpHeader, FoundVmcoreinfo, OpenedAs } from "./reader/dump.js";
export type { InputOptions } from "./reader/input-options.js";
export type { Arch, Machine } from "./reader/machine.js";
export type { Note } from "./reader/notes.js";
export { openDump } from "./reader/open.js";
export { type DumpInput, openInput } from "./reader/open-input.js";
export type { OpenOptions } from "./reader/open-sources.js";
export type { PhysicalMemory, PhysicalRange } from "./reader/physical-memory.js";
export { parseRawPieces, parseRawPlace, type RawPiece, type RawPlace } from "./reader/raw/pieces.js";
export { readPhysical } from "./reader/read-physical.js";
export type { ByteSource } from "./reader/source/byte-source.js";
export type { FetchedBytes } from "./reader/source/fetched.js";
export type { Packing } from "./reader/source/packed/packing.js";
export { type GivenFile, openSideFile, type SideFile } from "./reader/source/side-file.js";
export type { SpoolOptions } from "./reader/source/spool/spool-file.js";
export type { SpoolProgress } from "./reader/source/spool/spool-stream.js";
export type { GivenStream, StreamInput, WebStream, WebStreamReader } from "./reader/source/stream-input.js";
export { type UnpackVmlinuxOptions, unpackVmlinux } from "./reader/source/unpack-vmlinux.js";
export type { Utsname } from "./reader/utsname.js";
export type { Vmcoreinfo } from "./reader/vmcoreinfo.js";
export type { ReportOptions } from "./report/collect-report.js";
export { reportDump } from "./report/report-dump.js";
export {
  type FilterOptions,
  type FilterOutput,
  type FilterProgress,
  type FilterResult,
  type FullBy,
  filterDump,
} from "./run/filter-dump.js";
export type { FileOutput, SplitOutput, StreamOutput } from "./run/filter-types.js";
export type { FilteredBefore } from "./run/filtered-before.js";
export type { RunOptions } from "./shard/run-options.js";
export type { UploadCounts } from "./store/upload.js";
export type { Finding, FindingKind } from "./verify/findings.js";
export type { Comparison } from "./verify/verify-against.js";
export { type VerifyResult, verifyDump } from "./verify/verify-dump.js";
export type { ManifestCheck } from "./verify/verify-manifest.js";
export type { VerifyOptions, VerifyProgress } from "./verify/verify-options.js";
export type { AuditCheck } from "./verify/verify-signed.js";
export { type DumpWarning, type WarningCode, type WarningParts, Warnings, type WarningsOptions } from "./warnings.js";
export type {
  ExtensionFile,
  ExtensionPage,
  ExtensionResult,
  FilterExtension,
  PageDecision,
} from "./worker/extension/extension.js";
export { WorkerThreads } from "./worker/threads.js";
export { OUTPUT_FORMATS, type OutputFormat } from "./writer/output-format.js";
export type { SharedCounts } from "./writer/shared-pages.js";
