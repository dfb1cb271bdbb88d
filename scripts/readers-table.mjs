/**
 * Makes docs/readers.md: what gdb, drgn, libkdumpfile and crash read of coresieve's outputs, of each machine.
 *
 *   node scripts/readers-table.mjs DUMPS FOLDER [--newest CHROOT] [--vmlinux NAME=FILE]... [--write]
 *
 * DUMPS has a folder NAME with vmcore.elf for each dump; FOLDER is for outputs. The readers are those of this system and, with
 * --newest, those in CHROOT, where FOLDER must be at the same path. --vmlinux names the kernel of a dump: tasks and frames are counted with it.
 * Without --write the tables go to stdout. Needs the built program; Linux.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    newest: { type: "string" },
    vmlinux: { type: "string", multiple: true, default: [] },
    write: { type: "boolean", default: false },
  },
});
const [dumps, folder] = positionals;
if (dumps === undefined || folder === undefined) throw new Error("name DUMPS and FOLDER");
mkdirSync(folder, { recursive: true });
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const coresieve = here("../dist/cli/main.js");

/** The programs of this system, and those of the chroot. */
const systems = [{ prefix: [] }, ...(values.newest === undefined ? [] : [{ prefix: ["chroot", values.newest] }])];
const vmlinuxes = new Map(values.vmlinux.map((one) => one.split("=")));
// What the chroot is to see.
const scripts = ["drgn-read.py", "drgn-frames.py"].map((name) => {
  copyFileSync(here(`../test/readers/${name}`), join(folder, name));
  return join(folder, name);
});

function run(system, program, args, input) {
  const [command, ...rest] = [...system.prefix, program, ...args];
  const { stdout, stderr, error } = spawnSync(command, rest, {
    encoding: "latin1",
    timeout: 120_000,
    maxBuffer: 1 << 28,
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8", TERM: "dumb" },
    ...(input === undefined ? {} : { input }),
  });
  // On a busy machine: that is no answer, and must not stand in the table as one.
  if (error?.code === "ETIMEDOUT") throw new Error(`${program} did not end in time; run it again`);
  return error === undefined ? `${stdout}${stderr}` : `${error.code}`;
}

/** Reads the release by virtual address, through libkdumpfile. */
const KDUMPFILE = `
import sys, kdumpfile
# Names changed with 0.5.5.
old = hasattr(kdumpfile, "kdumpfile")
dump = kdumpfile.kdumpfile(sys.argv[1]) if old else kdumpfile.Context()
if not old:
    dump.open(sys.argv[1])
dump.attr["addrxlat.ostype"] = "linux"
space = kdumpfile.KDUMP_KVADDR if old else kdumpfile.KVADDR
print(bytes(dump.read(space, int(sys.argv[2], 16), 65)).hex())
`;

/** Each reader: its version, and what it reads of a file. */
const readers = {
  gdb: {
    version: (system) => /GNU gdb.*?(\d+\.\d+)\s*$/m.exec(run(system, "gdb-multiarch", ["--version"]))?.[1],
    read(system, { path, form, at, release }) {
      if (form === "kdump") return "-";
      const said = run(system, "gdb-multiarch", ["-nx", "-batch", "-ex", `x/s 0x${at}`, "-c", path]);
      return said.includes(`"${release}"`) ? "release" : "nothing";
    },
  },
  drgn: {
    version: (system) => /drgn (\d+\.\d+\.\d+)/.exec(run(system, "drgn", ["--version"]))?.[1],
    read(system, { path, at, release, vmlinux }) {
      const [read, frames] = scripts;
      const said = run(system, "drgn", ["-q", "--no-default-symbols", "-c", path, read, `${at}:41`]);
      if (!said.includes(`${at} ${Buffer.from(release).toString("hex")}00`)) return "nothing";
      if (vmlinux === undefined) return "release";
      const lines = run(system, "drgn", ["-q", "--no-default-symbols", "-s", vmlinux, "-c", path, frames]).split("\n");
      const tasks = lines.filter((line) => /^\d+ \S/.test(line));
      const names = tasks.flatMap((line) => (/ (Exception|\w*Error): /.test(line) ? [] : line.split(" ").slice(2)));
      return `release, ${tasks.length} tasks, ${names.length} frames`;
    },
  },
  libkdumpfile: {
    version: (system) => /^Version: ([\d.]+)/m.exec(run(system, "dpkg", ["-s", "python3-libkdumpfile"]))?.[1],
    read(system, { path, at, release }) {
      const said = run(system, "/usr/bin/python3", ["-c", KDUMPFILE, path, at]);
      return said.startsWith(`${Buffer.from(release).toString("hex")}00`) ? "release" : "nothing";
    },
  },
  crash: {
    version: (system) => /^crash (\d+\.\d+\.\d+)/m.exec(run(system, "crash", ["--version"]))?.[1],
    read(system, { path, release, vmlinux }) {
      // It opens nothing without the kernel, and knows the machine that it was built for.
      if (vmlinux === undefined) return "-";
      const said = run(system, "crash", ["-s", "--no_scroll", vmlinux, path], "sys\nps\nforeach bt\nquit\n");
      if (!said.includes(release)) return "nothing";
      const tasks = said.split("\n").filter((line) => /^[> ] +\d+ +\d+ +\d+ +[0-9a-f]{8,16} /.test(line));
      const frames = said.split("\n").filter((line) => /^ *#\d+ \[/.test(line));
      return `release, ${tasks.length} tasks, ${frames.length} frames`;
    },
  },
};

/** What a reader needs to know of a dump. */
function askedOf(name, vmcore) {
  const info = JSON.parse(run({ prefix: [] }, process.execPath, [coresieve, "info", "--json", vmcore]));
  const start = BigInt(`0x${info.vmcoreinfo["SYMBOL(init_uts_ns)"]}`);
  // release is the third of six texts of 65 bytes (struct new_utsname), behind a kref in kernels before 5.11.
  const at = start + BigInt(info.vmcoreinfo["OFFSET(uts_namespace.name)"] ?? 4) + 130n;
  let vmlinux = vmlinuxes.get(name);
  if (vmlinux !== undefined) {
    copyFileSync(vmlinux, join(folder, "vmlinux"));
    vmlinux = join(folder, "vmlinux");
  }
  return { at: at.toString(16), release: info.kernelRelease, arch: info.arch, vmlinux };
}

const names = Object.keys(readers);
const columns = names.flatMap((name) =>
  systems.map((system) => ({ name, system, version: readers[name].version(system) ?? "not there" })),
);
const rows = [];
for (const name of readdirSync(dumps).sort()) {
  const vmcore = join(dumps, name, "vmcore.elf");
  if (!existsSync(vmcore)) continue;
  const asked = askedOf(name, vmcore);
  for (const [form, option] of [["original"], ["ELF", "-E"], ["kdump", "-l"]]) {
    const path = join(folder, `output.${form}`);
    if (option === undefined) copyFileSync(vmcore, path);
    else run({ prefix: [] }, process.execPath, [coresieve, "filter", "-d", "31", option, "-f", vmcore, path]);
    const cells = columns.map(({ name: reader, system, version }) =>
      version === "not there" ? "not there" : readers[reader].read(system, { ...asked, path, form }),
    );
    rows.push(`| ${asked.arch} | ${name} | ${form} | ${cells.join(" | ")} |`);
    console.error(rows.at(-1));
    rmSync(path);
  }
}
const table = [
  `| machine | dump | output | ${columns.map(({ name, version }) => `${name} ${version}`).join(" | ")} |`,
  `|---|---|---|${columns.map(() => "---|").join("")}`,
  ...rows,
].join("\n");
if (values.write) {
  const file = here("../docs/readers.md");
  const text = readFileSync(file, "utf8");
  const mark = "<!-- made by scripts/readers-table.mjs: do not edit -->\n";
  const [head] = text.split(mark);
  writeFileSync(file, `${head}${mark}\n${table}\n`);
} else console.log(table);
