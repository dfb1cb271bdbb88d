/**
 * The independent tools that prove the builder: found if they are installed, otherwise the tests that need them are
 * skipped with the reason.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Integer } from "./bytes.js";

export interface ToolRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const { PATH } = process.env;

/** Runs a program to its end, 60 s at most. */
export function runTool(program: string, args: readonly string[], input?: string): ToolRun {
  const run = spawnSync(program, args, {
    encoding: "latin1",
    timeout: 60_000,
    maxBuffer: 1 << 28,
    env: { PATH: PATH ?? "/usr/bin", TERM: "dumb", LC_ALL: "C" },
    ...(input === undefined ? {} : { input }),
  });
  return { status: run.status, stdout: run.stdout ?? "", stderr: run.stderr ?? "" };
}

/** Debian's Python, for which libkdumpfile's bindings are packaged. */
const PYTHON = "/usr/bin/python3";

export const hasReadelf = runTool("readelf", ["--version"]).status === 0;
export const hasMakedumpfile = /makedumpfile: version 1\.7/.test(runTool("makedumpfile", ["-v"]).stdout);
export const hasLibkdumpfile = runTool(PYTHON, ["-c", "import kdumpfile"]).status === 0;

/** A folder that is gone when `use` returns. */
export function withTempDir<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "synthetic-dump-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const READ_PAGES = `
import json, sys, hashlib, kdumpfile
job = json.load(sys.stdin)
answer = {"pages": [], "attributes": {}}
dump = kdumpfile.kdumpfile(job["file"])
for name in job["attributes"]:
    try:
        value = dump.attr[name]
        answer["attributes"][name] = value if isinstance(value, (int, str)) else str(value)
    except Exception as error:
        answer["attributes"][name] = "error: " + str(error)
for text, size in job["reads"]:
    try:
        address = int(text)
        space = kdumpfile.KDUMP_MACHPHYSADDR
        if address >= 1 << 63:
            dump.attr["addrxlat.ostype"] = "linux"
            space = kdumpfile.KDUMP_KVADDR
        data = dump.read(space, address, size)
        answer["pages"].append(hashlib.sha256(bytes(data)).hexdigest())
    except Exception as error:
        answer["pages"].append("error: " + str(error))
json.dump(answer, sys.stdout)
`;

/** The file inside a flattened one, as makedumpfile -R puts it together. Throws with its message if it refuses. */
export function rearrangeWithMakedumpfile(flattened: Uint8Array): Uint8Array {
  return withTempDir((folder) => {
    const [input, output] = [join(folder, "flat"), join(folder, "plain")];
    writeFileSync(input, flattened);
    const run = runTool("sh", ["-c", 'exec makedumpfile -R "$1" < "$0"', input, output]);
    if (run.status !== 0) {
      throw new Error(`makedumpfile -R: ${run.stdout}${run.stderr}`);
    }
    return new Uint8Array(readFileSync(output));
  });
}

/** What libkdumpfile says of a file: a SHA-256 or "error: ..." for each read, and attributes by name. */
export interface KdumpfileAnswer {
  readonly pages: readonly string[];
  readonly attributes: Readonly<Record<string, number | string>>;
}

/** Opens `image` with libkdumpfile and reads physical memory, or kernel addresses (2^63 and above). */
export function readWithLibkdumpfile(
  image: Uint8Array,
  reads: readonly (readonly [address: Integer, size: number])[],
  attributes: readonly string[] = [],
): KdumpfileAnswer {
  return withTempDir((folder) => {
    const file = join(folder, "dump");
    writeFileSync(file, image);
    const run = runTool(
      PYTHON,
      ["-c", READ_PAGES],
      JSON.stringify({ file, attributes, reads: reads.map(([address, size]) => [address.toString(), size]) }),
    );
    if (run.status !== 0) {
      throw new Error(`libkdumpfile: ${run.stderr}`);
    }
    return JSON.parse(run.stdout) as KdumpfileAnswer;
  });
}

const READ_BYTES = `
import json, sys, kdumpfile
job = json.load(sys.stdin)
dump = kdumpfile.kdumpfile(job["file"])
dump.attr["addrxlat.ostype"] = "linux"
json.dump([bytes(dump.read(kdumpfile.KDUMP_KVADDR, int(at), size)).hex() for at, size in job["reads"]], sys.stdout)
`;

/** Bytes at kernel addresses of a dump file, as libkdumpfile finds them. */
export function readKernelMemory(file: string, reads: readonly (readonly [address: bigint, size: number])[]): Buffer[] {
  const job = { file, reads: reads.map(([address, size]) => [address.toString(), size]) };
  const run = runTool(PYTHON, ["-c", READ_BYTES], JSON.stringify(job));
  if (run.status !== 0) {
    throw new Error(`libkdumpfile: ${run.stderr}`);
  }
  return (JSON.parse(run.stdout) as string[]).map((hex) => Buffer.from(hex, "hex"));
}
