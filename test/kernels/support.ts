/**
 * The dumps that `npm run test:kernels` looks at, by the environment:
 *
 * | variable | meaning |
 * |---|---|
 * | TEST_KERNELS_DUMPS | a folder that has NAME/vmcore.elf, and beside it truth.txt and kpageflags.bin; else the real dumps of all tests |
 * | TEST_KERNELS_ONLY | names, separated by commas |
 * | TEST_KERNELS_TOOLS | a folder of tools: `python3 runvm.py WORK NAME` boots a kernel and leaves WORK/dumps/NAME/vmcore.elf |
 * | TEST_KERNELS_WORK | that WORK, with what the tools fetched |
 * | TEST_KERNELS_BOOT | names to boot with them, separated by commas |
 * | TEST_KERNELS_CHROOT | a newer system, whose makedumpfile, gdb and drgn are asked; it sees TEST_KERNELS_OUT at the same path |
 * | TEST_KERNELS_OUT | the folder for outputs |
 * | TEST_KERNELS_WRITE | 1: kernels that are found right get into test/support/kernels-seen.ts |
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { furtherDumps, realDump, realDumps } from "../support/dumps.js";
import { type KernelSeen, kernelsSeen } from "../support/kernels-seen.js";

const env = (name: string): string | undefined => process.env[`TEST_KERNELS_${name}`] || undefined;
const listed = (name: string): string[] => env(name)?.split(",") ?? [];

/** A dump with what is known of it. */
export interface KernelDump {
  readonly name: string;
  vmcore(): Promise<string>;
  /** In its folder, if it is there. */
  beside(file: string): Promise<string | undefined>;
}

/** Boots what is asked for, and finds all dumps. */
export function kernelDumps(): readonly KernelDump[] {
  const [tools, work] = [env("TOOLS"), env("WORK")];
  const only = listed("ONLY");
  const booted = listed("BOOT").map((name): KernelDump => {
    if (tools === undefined || work === undefined)
      throw new Error("TEST_KERNELS_BOOT needs TEST_KERNELS_TOOLS and _WORK");
    return inFolder(join(work, "dumps", name), name, () => boot(tools, work, name));
  });
  const folder = env("DUMPS");
  const there =
    folder === undefined
      ? [...realDumps, ...furtherDumps].map(({ name }): KernelDump => {
          const beside = async (file: string) => {
            const path = join((await realDump(name)).vmcore, "..", file);
            return existsSync(path) ? path : undefined;
          };
          return { name, vmcore: async () => (await realDump(name)).vmcore, beside };
        })
      : readdirSync(folder)
          .filter((name) => existsSync(join(folder, name, "vmcore.elf")))
          .map((name) => inFolder(join(folder, name), name, () => undefined));
  return [...booted, ...there.filter(({ name }) => only.length === 0 || only.includes(name))];
}

function inFolder(folder: string, name: string, make: () => void): KernelDump {
  const vmcore = join(folder, "vmcore.elf");
  const beside = async (file: string) => (existsSync(join(folder, file)) ? join(folder, file) : undefined);
  return {
    name,
    beside,
    async vmcore() {
      if (!existsSync(vmcore)) make();
      return vmcore;
    },
  };
}

function boot(tools: string, work: string, name: string): void {
  const args = [join(tools, "runvm.py"), work, name];
  const { status, stderr } = spawnSync("python3", args, { encoding: "utf8", stdio: ["ignore", "inherit", "pipe"] });
  if (status !== 0) throw new Error(`${name} did not boot: ${stderr.slice(-500)}`);
}

/** The folder for outputs. */
export function outputFolder(): string {
  const folder = env("OUT");
  if (folder === undefined) return mkdtempSync(join(tmpdir(), "coresieve-kernels-"));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Runs another program, of the newer system if there is one. `undefined` if it is not there. */
export function other(
  program: string,
  args: readonly string[],
): { readonly status: number | null; readonly text: string } | undefined {
  const chroot = env("CHROOT");
  const [command = "", ...rest] = [...(chroot === undefined ? [] : ["chroot", chroot]), program, ...args];
  const { status, stdout, stderr, error } = spawnSync(command, rest, {
    encoding: "latin1",
    timeout: 600_000,
    maxBuffer: 1 << 28,
    env: { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8", TERM: "dumb" },
  });
  return error !== undefined || status === 127 ? undefined : { status, text: `${stdout}${stderr}` };
}

const MODELS: Readonly<Record<string, KernelSeen["memoryModel"]>> = {
  "sparsemem, extreme": "extreme",
  "sparsemem, static": "static",
  flatmem: "flat",
};

/** How the matrix calls a memory model; `vmemmap`: the kernel has a virtual memory map. */
export function modelOf(model: string | undefined, vmemmap: boolean): KernelSeen["memoryModel"] | undefined {
  return vmemmap && model === "sparsemem, extreme" ? "vmemmap" : MODELS[model ?? ""];
}

const SEEN = fileURLToPath(new URL("../support/kernels-seen.ts", import.meta.url));

/** Puts kernels that were found right into the list of the matrix. */
export function writeSeen(found: readonly KernelSeen[]): void {
  if (env("WRITE") !== "1") return;
  // Those of all tests are in the matrix anyway.
  const known = new Set([...realDumps, ...furtherDumps].map(({ name }) => name));
  const all = new Map([...kernelsSeen, ...found].filter(({ name }) => !known.has(name)).map((one) => [one.name, one]));
  const rows = [...all.values()].map(
    ({ name, arch, release, pageSize, memoryModel }) =>
      `  { name: "${name}", arch: "${arch}", release: "${release}", pageSize: ${pageSize}, memoryModel: "${memoryModel}" },\n`,
  );
  const text = readFileSync(SEEN, "utf8");
  const list = rows.length === 0 ? "[]" : `[\n${rows.join("")}]`;
  writeFileSync(SEEN, text.replace(/(kernelsSeen: readonly KernelSeen\[\] = )\[[\s\S]*\];/, `$1${list};`));
}
