import { type ChildProcess, spawn } from "node:child_process";
import { DumpError, systemErrorCode } from "../../errors.js";
import { describeSystemError } from "../source/byte-source.js";
import { type ByteStream, openStream } from "../source/byte-stream.js";
import { makeFifo, untilDone } from "./fifo.js";

const PREFIX = "libvirt:";
/** Bytes of virsh's output that are kept: the end of it has the reason of a failure. */
const MAX_PRINTED = 4096;

/**
 * Asks libvirt, through virsh, for a dump of a running domain, which comes through a FIFO. The domain is paused while
 * libvirt's QEMU writes. It continues when everything was read, or when the reader goes away: QEMU then cannot write,
 * and libvirt gives up the dump. virsh's own LIBVIRT_DEFAULT_URI selects the libvirt; it must be on this machine.
 * Throws `NOT_READABLE`, `ABORTED`.
 */
export async function openLibvirtGuest(path: string, signal?: AbortSignal): Promise<ByteStream> {
  const domain = path.slice(PREFIX.length);
  if (domain === "") {
    throw new DumpError("BAD_OPTION", "names no domain", {
      file: path,
      cure: "Write `libvirt:DOMAIN`: `virsh list` has their names",
    });
  }
  const { fifo, remove } = await makeFifo("coresieve-libvirt-", path);
  try {
    const stop = new AbortController();
    signal?.addEventListener("abort", () => stop.abort(), { once: true });
    const opening = openStream(fifo, stop.signal);
    opening.catch(() => undefined);
    const virsh = run(domain, fifo);
    const failed = virsh.ended.then((problem) => {
      if (problem === undefined) return;
      // Nobody will open the other end of the FIFO.
      stop.abort();
      throw failure(path, problem);
    });
    failed.catch(() => undefined);
    const opened = await Promise.race([opening, failed.then(() => opening)]).catch(async (error) => {
      if (signal?.aborted !== true) await failed;
      throw error;
    });
    return { name: path, chunks: untilDone((opened as ByteStream).chunks, failed, path, remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Starts virsh. `ended` resolves to its output if it failed. */
function run(domain: string, fifo: string): { readonly ended: Promise<string | undefined> } {
  const words = ["dump", "--memory-only", "--format=elf", `--domain=${domain}`, `--file=${fifo}`];
  const ended = new Promise<string | undefined>((resolve) => {
    let child: ChildProcess;
    let printed = "";
    const keep = (data: Buffer) => {
      printed = (printed + data.toString("latin1")).slice(-MAX_PRINTED);
    };
    try {
      child = spawn("virsh", words, { stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      resolve(describeSystemError(error));
      return;
    }
    child.stderr?.on("data", keep);
    child.stdout?.resume();
    child.on("error", (error) => resolve(systemErrorCode(error) === "ENOENT" ? NO_VIRSH : describeSystemError(error)));
    child.on("close", (code, killed) => {
      if (code === 0) resolve(undefined);
      else
        resolve(
          lastLine(printed) ??
            (killed === null ? `virsh ended with exit code ${code}` : `virsh was ended by ${killed}`),
        );
    });
  });
  return { ended };
}

const NO_VIRSH = "virsh is not there";

function failure(file: string, problem: string): DumpError {
  const cure =
    problem === NO_VIRSH
      ? "Install libvirt-clients, or dump the domain on its host: `virsh dump --memory-only DOMAIN FILE`"
      : "`virsh list` has the domains that run; LIBVIRT_DEFAULT_URI says of which libvirt";
  return new DumpError("NOT_READABLE", `libvirt made no dump: ${problem}`, { file, cure });
}

/** The last line that a program printed, without its "error: ". */
function lastLine(printed: string): string | undefined {
  const line = printed
    .split(/[\r\n]+/)
    .filter((one) => one.trim() !== "")
    .at(-1);
  return line === undefined ? undefined : line.replace(/^error: /, "");
}
