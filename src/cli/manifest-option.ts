import { DumpError } from "../errors.js";
import { shownJson } from "../foreign-text.js";
import { type DigestProgress, digestFile, digestingStream, filesOfDump } from "../manifest/digest.js";
import { manifestOf } from "../manifest/manifest.js";
import { Period } from "../manifest/period.js";
import { openSignedFile, signingKey } from "../manifest/signed-file.js";
import { packageVersion } from "../package-version.js";
import type { Dump } from "../reader/dump.js";
import { openInput } from "../reader/open-input.js";
import type { FilterResult, WholeFilterOptions } from "../run/filter-dump.js";
import { Warnings } from "../warnings.js";
import { abandoned } from "../writer/abandoned.js";
import { outputFormatFacts } from "../writer/output-format.js";
import { sameOutput } from "../writer/output-path.js";
import { isHttpOutput } from "../writer/part-urls.js";
import type { FilterRequest } from "./options/filter-request.js";

export interface ManifestArguments {
  readonly manifest: string | undefined;
  readonly manifestDigests: "all" | "output" | undefined;
  readonly sign: string | undefined;
  readonly force: boolean;
}

/** Writes a manifest after a successful run. */
export interface ManifestWriter {
  /** A stream for an output to stdout, which computes the digest. */
  readonly stream: NodeJS.WritableStream;
  /**
   * Computes the digests and makes the manifest appear. The output must exist already; `checkOutput` throws if another
   * file has its name.
   */
  write(
    dump: Dump,
    options: WholeFilterOptions,
    result: FilterResult,
    checkOutput: () => void,
    onProgress?: DigestProgress,
  ): Promise<void>;
  /** The run failed. Never throws. */
  abort(): Promise<void>;
  /** After `abort`: what could not be removed. */
  leftBehind(): string | undefined;
}

/**
 * Opens the manifest's file for `--manifest FILE` before the run, so that a name that is not possible is reported at
 * once. Throws `BAD_OPTION`, and what a file sink throws.
 */
export async function manifestWriter(
  args: ManifestArguments,
  inputs: readonly string[],
  { output, pack }: Pick<FilterRequest, "output" | "pack">,
  signal: AbortSignal,
): Promise<ManifestWriter | undefined> {
  const { manifest: path, manifestDigests: digests, force } = args;
  if (path === undefined) return undefined;
  if (output !== undefined && isHttpOutput(output)) {
    throw new DumpError(
      "BAD_OPTION",
      "a manifest needs the digest of its output, but an output sent by HTTP is not read back",
      {
        file: path,
        cure: "Write a file with its manifest, and send both",
      },
    );
  }
  if (output !== undefined && sameOutput(output, path)) {
    throw new DumpError("BAD_OPTION", "the manifest and the output have the same name, or lead to the same file", {
      file: path,
    });
  }
  const period = new Period();
  const file = await openSignedFile(path, await signingKey(args.sign), force, inputs);
  const through = digestingStream(process.stdout);
  return {
    stream: through.stream,
    async write(dump, options, result, checkOutput, onProgress) {
      let written: Dump | undefined;
      try {
        // A packed output would have to be unpacked as a whole, and an image of memory has no notes.
        const silent = pack !== undefined || !outputFormatFacts(options.format).holdsNotes;
        written = output === undefined || silent ? undefined : await openInput(output, new Warnings());
        const inputFiles = await filesOfDump(dump, digests !== "output", signal, onProgress);
        const outputDigest = output === undefined ? through.digest() : await digestFile(output, signal, onProgress);
        const manifest = manifestOf({
          ...{ dump, options, result, inputFiles, outputDigest, started: period.started },
          ...(written === undefined ? {} : { written }),
          version: packageVersion(),
          ended: period.ended(),
        });
        const bytes = Buffer.from(`${shownJson(manifest, 2)}\n`);
        // The digest has to be that of this run's file, and the manifest must not stay beside another's.
        checkOutput();
        await file.write(bytes);
        checkOutput();
      } catch (error) {
        throw await abandoned(error, file);
      } finally {
        written?.close();
      }
    },
    abort: () => file.abort(),
    leftBehind: () => file.leftBehind(),
  };
}
