/** Why a machine crashed, from its log: lines as kernels of several architectures and versions print them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { type CrashReason, crashReason } from "../../../src/kernel/log/crash-reason.js";
import type { LogRecord } from "../../../src/kernel/log/log-record.js";
import { logOfKernel } from "../../../src/kernel/log/read-log.js";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";

function logOf(text: string): LogRecord[] {
  return text
    .trim()
    .split("\n")
    .map((line, i) => ({
      seq: i,
      nanoseconds: BigInt(i) * 1_000_000_000n,
      level: 0,
      facility: 0,
      caller: undefined,
      text: Buffer.from(line.trim()),
      device: {},
      continues: false,
    }));
}

const why = (text: string): CrashReason | undefined => crashReason(logOf(text));

describe("a fault, and the panic that follows from it", () => {
  test("x86: the fault is the reason", () => {
    expect(
      why(`
        Linux version 6.12.48
        BUG: kernel NULL pointer dereference, address: 0000000000000008
        #PF: supervisor write access in kernel mode
        Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI
        CPU: 3 UID: 0 PID: 4711 Comm: kworker/3:1 Tainted: G           OE      6.12.48 #1
        RIP: 0010:my_probe+0x12/0x40 [mydrv]
        ---[ end trace 0000000000000000 ]---
        Kernel panic - not syncing: Fatal exception in interrupt`),
    ).toEqual({
      kind: "oops",
      reason: "BUG: kernel NULL pointer dereference, address: 0000000000000008",
      panic: "Kernel panic - not syncing: Fatal exception in interrupt",
      task: { pid: 4711, comm: "kworker/3:1" },
      cpu: 3,
      at: "my_probe+0x12/0x40",
      nanoseconds: 1_000_000_000n,
    });
  });

  test("arm64, riscv64, ppc64, s390x", () => {
    expect(
      why(`
        Unable to handle kernel paging request at virtual address ffff800012345678
        Mem abort info:
        Internal error: Oops: 0000000096000047 [#1] SMP
        CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1
        pc : sysrq_handle_crash+0x1c/0x28
        lr : __handle_sysrq+0xa4/0x1b0
        ---[ end trace 0000000000000000 ]---
        Kernel panic - not syncing: Oops: Fatal exception`),
    ).toMatchObject({ kind: "oops", at: "sysrq_handle_crash+0x1c/0x28", task: { pid: 1, comm: "init" }, cpu: 0 });
    expect(
      why(`
        Unable to handle kernel access to user memory without uaccess routines at virtual address 0000000000000000
        Oops [#1]
        CPU: 1 PID: 77 Comm: my program Not tainted 6.12.9 #1
        epc : do_thing+0x10/0x20
        Kernel panic - not syncing: Fatal exception`),
    ).toMatchObject({ kind: "oops", at: "do_thing+0x10/0x20", task: { pid: 77, comm: "my program" } });
    expect(
      why(`
        BUG: Kernel NULL pointer dereference on write at 0x00000000
        kernel tried to write user page (0) - exploit attempt? (uid: 0)
        Oops: Kernel access of bad area, sig: 11 [#1]
        CPU: 2 PID: 9 Comm: sh Kdump: loaded Not tainted 6.1.0 #1
        NIP [c0000000008b5a5c] sysrq_handle_crash+0x2c/0x40
        Kernel panic - not syncing: Fatal exception`),
    ).toMatchObject({ kind: "oops", at: "sysrq_handle_crash+0x2c/0x40", task: { pid: 9, comm: "sh" } });
    expect(
      why(`
        Unable to handle kernel pointer dereference in virtual kernel address space
        Oops: 0004 ilc:2 [#1] SMP
        CPU: 0 PID: 5 Comm: a b c Not tainted 6.1.0 #1
        Krnl PSW : 0704c00180000000 00000000e1a2b3c4 (my_fault+0x24/0x50)
        Kernel panic - not syncing: Fatal exception: panic_on_oops`),
    ).toMatchObject({ kind: "oops", at: "my_fault+0x24/0x50", task: { pid: 5, comm: "a b c" } });
  });

  test("an older kernel's lines", () => {
    expect(
      why(`
        BUG: unable to handle kernel NULL pointer dereference at (null)
        IP: [<ffffffff81234567>] foo+0x1/0x2
        Oops: 0002 [#1] SMP
        Pid: 1234, comm: modprobe Not tainted 2.6.32-754.el6.x86_64
        RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] foo+0x1/0x2`),
    ).toMatchObject({ kind: "oops", task: { pid: 1234, comm: "modprobe" }, panic: undefined });
  });
});

describe("a panic that says why", () => {
  test("is the reason, though there were faults long before", () => {
    expect(
      why(`
        BUG: unable to handle page fault for address: ffffffffdeadbeef
        ---[ end trace 0 ]---
        Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
        CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0 #1`),
    ).toMatchObject({
      kind: "panic",
      reason: "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
      task: { pid: 1, comm: "swapper/0" },
    });
    expect(why("Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b")?.kind).toBe("panic");
    expect(why("Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled")?.kind).toBe(
      "out-of-memory",
    );
  });

  test("lockups, hung tasks, sysrq", () => {
    expect(
      why(`
        watchdog: BUG: soft lockup - CPU#2 stuck for 26s! [stress:812]
        CPU: 2 PID: 812 Comm: stress Tainted: G L 6.1.0
        Kernel panic - not syncing: softlockup: hung tasks`),
    ).toMatchObject({ kind: "lockup", task: { pid: 812, comm: "stress" }, cpu: 2 });
    expect(
      why(`
        INFO: task jbd2/vda1-8:123 blocked for more than 120 seconds.
        Kernel panic - not syncing: hung_task: blocked tasks`),
    ).toMatchObject({ kind: "hung-task", reason: "INFO: task jbd2/vda1-8:123 blocked for more than 120 seconds." });
    expect(
      why(`
        sysrq: Trigger a crash
        Kernel panic - not syncing: sysrq triggered crash
        CPU: 1 PID: 125 Comm: init Not tainted 6.1.0-56-cloud-amd64 #1`),
    ).toMatchObject({ kind: "sysrq", reason: "sysrq: Trigger a crash", task: { pid: 125, comm: "init" } });
  });
});

test("a log of a machine that ran on has no reason: warnings alone are none", () => {
  expect(why("watchdog: BUG: soft lockup - CPU#2 stuck for 26s! [stress:812]")).toBeUndefined();
  expect(why("INFO: task jbd2/vda1-8:123 blocked for more than 120 seconds.")).toBeUndefined();
  expect(why("Linux version 6.1.0\nsystemd[1]: Started.")).toBeUndefined();
  expect(crashReason([])).toBeUndefined();
});

describeWithDumps("real dumps", () => {
  const reasonOf = async (name: string) => {
    const warnings = new Warnings();
    const dump = openDump([(await realDump(name)).vmcore], warnings);
    try {
      return crashReason(logOfKernel(completeWithKernel(dump, warnings).dump).records);
    } finally {
      dump.close();
    }
  };

  test("of a machine crashed by sysrq", async () => {
    expect(await reasonOf("x86-6.1-kdump-tiny")).toMatchObject({
      kind: "sysrq",
      reason: "sysrq: Trigger a crash",
      panic: "Kernel panic - not syncing: sysrq triggered crash",
    });
    const console = readFileSync((await realDump("x86-6.1-kdump-tiny")).consoleLog, "utf8");
    const [, pid, comm] = /CPU: \d+ PID: (\d+) Comm: (\S+)/.exec(console.slice(console.indexOf("Kernel panic"))) ?? [];
    expect((await reasonOf("x86-6.1-kdump-tiny"))?.task).toEqual({ pid: Number(pid), comm });
  });

  test("of a machine that ran", async () => {
    expect(await reasonOf("tiny-x86-6.12")).toBeUndefined();
  });
});
