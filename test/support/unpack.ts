/** Unpacking .zst and .tar.zst for tests, by the programs zstd and tar, or by zstd-napi where zstd is missing. */
import { spawn } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** The archives are packed with a 128 MiB window, more than a decoder allows unasked. */
const windowLog = 27;

/** Unpacks NAME.tar.zst into a folder that exists. */
export async function unpackTarZst(archive: string, folder: string): Promise<void> {
  const tar = spawn("tar", ["-xf", "-", "-C", folder], { stdio: ["pipe", "ignore", "inherit"] });
  // tar stops to read at the archive's end mark, which may be before the last bytes: whether all was there is what tar says.
  const [whole, fed] = await Promise.allSettled([ended("tar", tar), decompress(archive, tar.stdin)]);
  if (whole.status === "rejected") throw fed.status === "rejected" ? fed.reason : whole.reason;
}

/** Unpacks one compressed file. */
export async function unpackZst(archive: string, target: string): Promise<void> {
  await decompress(archive, createWriteStream(target));
}

async function decompress(archive: string, sink: Writable): Promise<void> {
  const zstd = spawn("zstd", ["-q", "-d", `--long=${windowLog}`, "-c", archive], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [started] = await Promise.race([
    new Promise<[boolean]>((resolve) => zstd.once("spawn", () => resolve([true]))),
    new Promise<[boolean]>((resolve) => zstd.once("error", () => resolve([false]))),
  ]);
  if (started) {
    await Promise.all([ended("zstd", zstd), pipeline(zstd.stdout, sink)]);
    return;
  }
  const { DecompressStream } = await import("zstd-napi");
  const decoder = new DecompressStream({ windowLogMax: windowLog });
  await pipeline(createReadStream(archive) as Readable, decoder, sink);
}

function ended(name: string, child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) {
        resolve();
      } else {
        reject(new Error(`${name} ended with ${signal ?? `code ${code}`}`));
      }
    });
  });
}
