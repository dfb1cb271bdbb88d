/** Real machines of QEMU (Debian: qemu-system-x86), stopped before they boot, with memory of our own: saved in every form, each page and note as in dump-guest-memory's ELF. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { QmpConnection } from "../../src/reader/live/qmp.js";
import { openInput } from "../../src/reader/open-input.js";
import { noiseBytes } from "../support/bytes.js";
import { startCli } from "../support/cli.js";
import { mustNotSkip } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const PROGRAM = "qemu-system-x86_64";
const there = spawnSync(PROGRAM, ["--version"]).status === 0 && spawnSync("qemu-img", ["--version"]).status === 0;
const folder = temporaryFolder();
const file = (name: string) => join(folder, name);

describe.skipIf(!there && !mustNotSkip)("QEMU (skipped where qemu-system-x86_64 or qemu-img is not installed)", () => {
  let machine: ChildProcess;
  let qmp: QmpConnection;

  beforeAll(async () => {
    writeFileSync(file("memory"), Buffer.concat([noiseBytes(1, 300_000), Buffer.alloc(1 << 20), noiseBytes(2, 5000)]));
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file("disk"), "8M"]);
    const drive = `file=${file("disk")},format=qcow2,if=none,id=d0`;
    const loader = `loader,file=${file("memory")},addr=0x200000,force-raw=on`;
    const args = [
      "-machine",
      "q35",
      "-m",
      "16M",
      "-smp",
      "2",
      "-S",
      "-display",
      "none",
      "-nodefaults",
      "-accel",
      "tcg",
    ];
    // A second one to look on: QEMU speaks with one program at a time on each.
    const sockets = ["qmp", "watch"].flatMap((name) => ["-qmp", `unix:${file(name)},server=on,wait=off`]);
    machine = spawn(PROGRAM, [...args, "-drive", drive, "-device", loader, ...sockets], { stdio: "ignore" });
    while (!existsSync(file("watch"))) await new Promise((resolve) => setTimeout(resolve, 50));
    qmp = await QmpConnection.open(file("qmp"), "qemu");
  });

  afterAll(() => {
    qmp?.close();
    machine?.kill();
  });

  /** All memory of the ELF's ranges below 1 MiB short of what QEMU shows as ROM, and the notes. */
  async function facts(name: string): Promise<{ low: Buffer; high: Buffer; notes: Buffer; cpus: number }> {
    const dump = await openInput(name);
    const [low, high] = [Buffer.alloc(0xc0000), Buffer.alloc(15 << 20)];
    expect([dump.memory.read(low, 0), dump.memory.read(high, 1 << 20)]).toEqual([low.length, high.length]);
    const notes = Buffer.from(dump.noteArea);
    dump.close();
    return { low, high, notes, cpus: dump.header.cpus };
  }

  async function expectEqual(name: string): Promise<void> {
    const [elf, saved] = [await facts(file("elf")), await facts(name)];
    expect(saved.cpus).toBe(2);
    for (const part of ["low", "high", "notes"] as const) expect(saved[part].equals(elf[part]), part).toBe(true);
  }

  test("saved by migrate and by savevm", async () => {
    await qmp.command("human-monitor-command", { "command-line": "savevm first" });
    await qmp.command("dump-guest-memory", { paging: false, protocol: `file:${file("elf")}` });
    await expectEqual(file("disk"));
    await qmp.command("migrate", { uri: `exec:cat > ${file("stream")}` });
    for (;;) {
      const { status } = (await qmp.command("query-migrate")) as { status?: string };
      if (status === "completed") break;
      expect(status).not.toBe("failed");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await expectEqual(file("stream"));
  });

  test("asked while it stands: qemu:SOCKET; nothing is left behind, and it is as it was", async () => {
    const before = await qmp.command("query-status");
    qmp.close();
    await expectEqual(`qemu:${file("qmp")}`);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("coresieve-qemu-"))).toEqual([]);
    qmp = await QmpConnection.open(file("qmp"), "qemu");
    expect(await qmp.command("query-status")).toEqual(before);
  });

  test("qemu:SOCKET, killed while QEMU writes: the machine runs on", async () => {
    await qmp.command("cont");
    qmp.close();
    const watch = await QmpConnection.open(file("watch"), "qemu");
    const state = async (command: string) => ((await watch.command(command)) as { status: string }).status;
    // A dump of 16 MiB is soon over: who reads it stops as soon as it has begun. Where it was faster, once more.
    let caught = "";
    while (caught !== "active") {
      const { child, ended, collect } = startCli([`qemu:${file("qmp")}`, file("killed"), "-f", "-d", "0"], {
        env: { TMPDIR: folder },
      });
      collect();
      while ((await state("query-dump")) !== "active" && child.exitCode === null);
      child.kill("SIGSTOP");
      caught = await state("query-dump");
      child.kill("SIGKILL");
      await ended;
    }
    while ((await state("query-dump")) === "active") await new Promise((resolve) => setTimeout(resolve, 20));
    expect([await state("query-dump"), await state("query-status")]).toEqual(["failed", "running"]);
    watch.close();
    qmp = await QmpConnection.open(file("qmp"), "qemu");
  });
});
