import { statSync } from "node:fs";
import { DumpError } from "../errors.js";
import { runAwake } from "../long-work.js";
import { aFileName, checkArgument, checkGiven, eitherOf, listOf } from "../option-shape.js";
import { shownUrl } from "../shown-address.js";
import { isHttpUrl } from "../store/http-url.js";
import type { RemoteObject } from "../store/remote-object.js";
import { isStorePath } from "../store/store-url.js";
import { aWarnings, Warnings } from "../warnings.js";
import type { Dump } from "./dump.js";
import { INPUT_SHAPE, type InputOptions } from "./input-options.js";
import { isPackedSave } from "./libvirt-save/header.js";
import { needsFurther, openingOf } from "./open-sources.js";
import { addressedFiles } from "./raw/addressed-files.js";
import { ARCHIVE_HEAD, archiveOf } from "./source/archive/archives.js";
import { type ByteSource, type FileHandle, fileSource, openFile } from "./source/byte-source.js";
import { packingOf } from "./source/packed/packing.js";
import { attachFile, closeOnce, lookInside, type OpenedInput, type SourceImage } from "./source/source-image.js";
import {
  aStreamInput,
  dropStream,
  type GivenStream,
  hearErrors,
  STDIN,
  type StreamInput,
} from "./source/stream-input.js";

/** A name of a file, an object or another input; or a stream. */
export type DumpInput = string | GivenStream | StreamInput;

const isName = (value: unknown) => typeof value === "string";
const oneInput = eitherOf(isName, aFileName, aStreamInput);
const someInputs = eitherOf(Array.isArray, listOf(oneInput, 1), oneInput);

/**
 * Opens a dump like `openDump`, or an object of a store (`s3://bucket/key`: docs/object-stores.md), or an input that
 * can be read only once, from its beginning to its end: a `Readable` or a web stream, stdin (`-`), a FIFO, a file
 * packed with zstd, LZ4, gzip, xz, bzip2 or zlib, a tar or zip archive (recognised by its content). Such an input is
 * read to its end and kept in a temporary file, packed and without its zeros, which is deleted when the dump is closed.
 * A stream that the caller gave is then closed; after any error except a wrong argument, it is destroyed. Throws what
 * `openDump` throws, and `NO_SPACE`, `NOT_WRITABLE` and `ABORTED`.
 */
export async function openInput(
  inputs: DumpInput | readonly DumpInput[],
  warnings: Warnings = new Warnings(),
  options: InputOptions = {},
): Promise<Dump> {
  checkArgument("inputs", inputs, someInputs);
  checkArgument("warnings", warnings, aWarnings);
  checkGiven(options, INPUT_SHAPE);
  const images: SourceImage[] = [];
  const all = Array.isArray(inputs) ? (inputs as readonly DumpInput[]) : [inputs as DumpInput];
  for (const input of all) if (typeof input !== "string") hearErrors(input);
  try {
    const names = all.filter((input) => typeof input === "string");
    const addressed = names.length === all.length ? addressedFiles(names) : undefined;
    const given = addressed === undefined ? options : { ...options, addresses: addressed.addresses };
    for (const input of addressed?.paths ?? all) {
      const opened = await openOne(input, warnings, given);
      // Put into the list before it is looked into, so that it is closed whatever it contains.
      const at = images.push({ ...opened, flattened: undefined }) - 1;
      images[at] = lookInside(opened, options.salvage);
    }
    const further = needsFurther(images, given) ? (await import("./further-formats.js")).FURTHER : undefined;
    const opening = openingOf(images, warnings, given, further);
    const file = images[0]?.file.path ?? "";
    const stopped = () => new DumpError("ABORTED", "stopped while it was read", { file });
    return await runAwake(opening, { signal: options.signal, stopped });
  } catch (error) {
    closeOnce(images)();
    for (const input of all) if (typeof input !== "string") dropStream(input);
    throw error;
  }
}

async function openOne(path: DumpInput, warnings: Warnings, options: InputOptions): Promise<OpenedInput> {
  if (typeof path !== "string") {
    const { givenStream } = await import("./source/given-stream.js");
    return spool(givenStream(path, options.signal), warnings, options);
  }
  if (isStorePath(path)) return storeObject(path, warnings, options);
  if (isHttpUrl(path)) return webFile(path, warnings, options);
  if (options.openFile !== undefined) return fileOrUnpacked(options.openFile(path), warnings, options);
  if (path.startsWith("qemu:")) {
    const { openQemuGuest } = await import("./live/qemu-guest.js");
    return spool(await openQemuGuest(path, options.signal), warnings, options);
  }
  if (path.startsWith("libvirt:")) {
    const { openLibvirtGuest } = await import("./live/libvirt-guest.js");
    return spool(await openLibvirtGuest(path, options.signal), warnings, options);
  }
  if (isStreamPath(path)) {
    // Loaded only when needed: most runs read no stream.
    const { openStream } = await import("./source/byte-stream.js");
    const input = await openStream(path, options.signal);
    return "fd" in input ? fileOrUnpacked(input, warnings, options) : spool(input, warnings, options);
  }
  return fileOrUnpacked(openFile(path), warnings, options);
}

/** Whether a name stands for an input that can be read only once: stdin or a FIFO. */
export function isStreamPath(path: string): boolean {
  if (path === STDIN) return true;
  try {
    return statSync(path).isFIFO();
  } catch {
    // Opening it reports the error.
    return false;
  }
}

/** The file itself; or its unpacked content, if it is packed. */
async function fileOrUnpacked(file: FileHandle, warnings: Warnings, options: InputOptions): Promise<OpenedInput> {
  const close = closeOnce([{ file, flattened: undefined }]);
  try {
    if (!isPacked(fileSource(file), options)) return { file };
    checkMayUnpack(file.path, options);
    const { fileStream } = await import("./source/byte-stream.js");
    const found = await spool(fileStream(file, options.signal), warnings, options);
    close();
    return found;
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Whether a file's content has to be unpacked first. Bare memory may begin with any bytes, so fewer formats count for
 * it.
 */
function isPacked(source: ByteSource, { raw, addresses }: InputOptions): boolean {
  const bytes = new Uint8Array(ARCHIVE_HEAD);
  const head = bytes.subarray(0, source.read(bytes, 0));
  const packing = packingOf(head);
  if (raw !== undefined || addresses !== undefined) return packing !== undefined && packing !== "zlib";
  return packing !== undefined || archiveOf(head) !== undefined || isPackedSave(head, source.name);
}

function checkMayUnpack(file: string, { inPlace }: InputOptions): void {
  if (inPlace !== true) return;
  throw new DumpError("NOT_A_DUMP", "is packed, and each worker would have to unpack it", {
    file,
    cure: "Unpack it, or filter it with one machine",
  });
}

/** An object of a store: read in place, or unpacked if it is packed. */
async function storeObject(path: string, warnings: Warnings, options: InputOptions): Promise<OpenedInput> {
  const { objectBytes, openObject } = await import("../store/open-object.js");
  const chunks = () => objectBytes(path, options.signal);
  return remoteInput(await openObject(path), chunks, warnings, options);
}

/** A file of a web server: read in place if the server supports ranges, otherwise read once, as a stream. */
async function webFile(url: string, warnings: Warnings, options: InputOptions): Promise<OpenedInput> {
  const [{ openHttp }, { httpBytes }] = await Promise.all([
    import("../store/open-object.js"),
    import("../store/http-file.js"),
  ]);
  const chunks = () => httpBytes(url, options.signal);
  const remote = await openHttp(url);
  if (remote !== undefined) return remoteInput(remote, chunks, warnings, options);
  return spool({ name: shownUrl(url), chunks: chunks() }, warnings, options);
}

async function remoteInput(
  remote: RemoteObject,
  chunks: () => AsyncGenerator<Uint8Array, void, undefined>,
  warnings: Warnings,
  options: InputOptions,
): Promise<OpenedInput> {
  const { path, size } = remote;
  const opened = { file: { path, fd: -1, size, mtimeMs: 0 }, remote };
  const close = closeOnce([{ ...opened, flattened: undefined }]);
  try {
    if (!isPacked(attachFile(opened), options)) return opened;
    checkMayUnpack(path, options);
    const found = await spool({ name: path, chunks: chunks() }, warnings, options);
    close();
    return found;
  } catch (error) {
    close();
    throw error;
  }
}

async function spool(
  ...args: Parameters<typeof import("./source/spool/spool-input.js").spoolInput>
): Promise<OpenedInput> {
  const { spoolInput } = await import("./source/spool/spool-input.js");
  return spoolInput(...args);
}
