import { DumpError } from "../../errors.js";
import { type ByteStream, openStream } from "../source/byte-stream.js";
import { type Fifo, makeFifo, untilDone } from "./fifo.js";
import { QmpConnection } from "./qmp.js";

const PREFIX = "qemu:";

/**
 * Asks a running QEMU for a dump of its guest, which comes through a FIFO; QEMU writes nothing else. The guest is
 * paused while QEMU writes. It continues when everything was read, or when the reader goes away: QEMU then cannot
 * write, and gives up the dump. Throws `NOT_READABLE`, `ABORTED`.
 */
export async function openQemuGuest(path: string, signal?: AbortSignal): Promise<ByteStream> {
  const qmp = await QmpConnection.open(path.slice(PREFIX.length), path);
  let made: Fifo | undefined;
  const clean = () => {
    qmp.close();
    made?.remove();
  };
  try {
    made = await makeFifo("coresieve-qemu-", path);
    const { fifo } = made;
    const ended = qmp.event("DUMP_COMPLETED").then((problem) => {
      if (problem === undefined) return;
      throw new DumpError("NOT_READABLE", `QEMU stopped the dump: ${problem}`, {
        file: path,
        cure: "Look at what QEMU says",
      });
    });
    ended.catch(() => undefined);
    const stop = new AbortController();
    signal?.addEventListener("abort", () => stop.abort(), { once: true });
    // QEMU opens its end at the same time, because each end waits for the other.
    const opening = openStream(fifo, stop.signal);
    opening.catch(() => undefined);
    try {
      await qmp.command("dump-guest-memory", { paging: false, protocol: `file:${fifo}`, detach: true });
    } catch (error) {
      stop.abort();
      throw error;
    }
    const { chunks } = (await opening) as ByteStream;
    return { name: path, chunks: untilDone(chunks, ended, path, clean) };
  } catch (error) {
    clean();
    throw error;
  }
}
