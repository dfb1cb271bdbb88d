import { spawnSync } from "node:child_process";

// liblzo2 itself, through python3 and ctypes, as an independent judge of our LZO streams and a source of streams to read.
// Both are on most Linux machines (Debian: python3, liblzo2-2); the tests that ask it are skipped where they are not.
const PROGRAM = `
import ctypes, struct, sys
lzo = ctypes.CDLL("liblzo2.so.2")
data = sys.stdin.buffer.read()
work = ctypes.create_string_buffer(1 << 20)
at = 0
while at < len(data):
    op, size, room = struct.unpack_from("<III", data, at)
    piece = data[at + 12:at + 12 + size]
    at += 12 + size
    out = ctypes.create_string_buffer(room + 1)
    length = ctypes.c_ulong(room)
    call = (lzo.lzo1x_decompress_safe, lzo.lzo1x_1_compress, lzo.lzo1x_999_compress)[op]
    code = call(piece, ctypes.c_ulong(size), out, ctypes.byref(length), work)
    done = out.raw[:length.value] if code == 0 else b""
    sys.stdout.buffer.write(struct.pack("<iI", code, len(done)) + done)
`;

const OPERATIONS = { decompress: 0, lzo1x_1: 1, lzo1x_999: 2 } as const;

export interface LzoJob {
  readonly operation: keyof typeof OPERATIONS;
  readonly input: Uint8Array;
  /** Bytes the result may have. */
  readonly room: number;
}

/** Runs the jobs. An entry is undefined where liblzo2 reports an error; throws when it is not there. */
export function liblzo2(jobs: readonly LzoJob[]): (Uint8Array | undefined)[] {
  const parts: Uint8Array[] = [];
  for (const { operation, input, room } of jobs) {
    parts.push(new Uint8Array(Uint32Array.of(OPERATIONS[operation], input.length, room).buffer), input);
  }
  const run = spawnSync("python3", ["-c", PROGRAM], { input: Buffer.concat(parts), maxBuffer: 1 << 30 });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(run.stderr.toString().trim().split("\n").at(-1));
  const out: (Uint8Array | undefined)[] = [];
  for (let at = 0; at < run.stdout.length; ) {
    const length = run.stdout.readUInt32LE(at + 4);
    out.push(run.stdout.readInt32LE(at) === 0 ? run.stdout.subarray(at + 8, at + 8 + length) : undefined);
    at += 8 + length;
  }
  return out;
}

/** Why liblzo2 cannot be asked on this machine, or undefined when it can. */
export function whyNoLiblzo2(): string | undefined {
  try {
    liblzo2([]);
    return undefined;
  } catch (error) {
    return `liblzo2 through python3: ${String(error)}`;
  }
}
