import type { LogRecord } from "./log-record.js";

/**
 * Why a machine crashed, according to its own log. The texts come from the log and are not trusted: print them through
 * foreign-text.ts.
 */
export interface CrashReason {
  readonly kind: "panic" | "oops" | "sysrq" | "lockup" | "hung-task" | "out-of-memory" | "machine-check";
  /**
   * The line that says why, without the time: "Kernel panic - not syncing: …", "BUG: kernel NULL pointer dereference,
   * …".
   */
  readonly reason: string;
  /**
   * The panic's line, if the panic only followed from a fault ("Fatal exception in interrupt"): `reason` is then the
   * fault's line.
   */
  readonly panic: string | undefined;
  /** The task that ran on that CPU. */
  readonly task: { readonly pid: number; readonly comm: string } | undefined;
  readonly cpu: number | undefined;
  /** The function where it happened: "sysrq_handle_crash+0x16/0x20". */
  readonly at: string | undefined;
  /** Nanoseconds since boot. */
  readonly nanoseconds: bigint | undefined;
}

type Kind = CrashReason["kind"];

/**
 * How lines of faults begin, after the prefixes of consoles (kernel/panic.c, and each architecture's traps.c and
 * fault.c).
 */
const FAULTS: readonly (readonly [Kind, RegExp])[] = [
  [
    "oops",
    /^BUG: (?:kernel NULL pointer dereference|unable to handle|stack guard page|KASAN: |sleeping function|scheduling while)/,
  ],
  [
    "oops",
    /^(?:KASAN: |general protection fault|stack segment: |double fault: |invalid opcode: |divide error: |int3: )/,
  ],
  ["oops", /^(?:kernel BUG at |Unable to handle kernel |Internal error: |Bad mode in |Unhandled fault: )/],
  [
    "oops",
    /^(?:Oops(?: -|:|\[| )|Unrecoverable FP|Unrecoverable exception|kernel tried to |illegal operation: |addressing exception: |protection exception: )/,
  ],
  [
    "lockup",
    /^(?:NMI )?watchdog: (?:BUG: soft lockup|Watchdog detected hard LOCKUP|CPU\d+: Watchdog detected hard LOCKUP)/,
  ],
  ["lockup", /^(?:BUG: soft lockup|rcu: INFO: \S+ (?:self-)?detected stall)/],
  ["hung-task", /^INFO: task .* blocked for more than \d+ seconds/],
  ["machine-check", /^mce: \[Hardware Error\]: (?:CPU|Machine check)/],
  ["sysrq", /^sysrq: (?:SysRq : )?Trigger a crash|^SysRq : Trigger a crash/],
];
const PANIC = /^Kernel panic - not syncing: (.*)/;
/** Panics that follow from an earlier fault and name no reason of their own. */
const CONSEQUENCE =
  /^(?:Fatal exception|Fatal machine check|Oops|softlockup: hung tasks|hung_task: blocked tasks|Hard LOCKUP|sysrq triggered crash|panic_on_warn set|.*: Fatal exception|Machine halted|Unrecoverable|RCU Stall)/i;
const OUT_OF_MEMORY = /^(?:Out of memory|System is deadlocked on memory|Out of memory: compulsory)/i;

/**
 * After these faults a kernel may crash without a line of a panic: kexec is faster. The others are only warnings unless
 * a panic follows.
 */
const ENDS_BY_ITSELF: ReadonlySet<Kind> = new Set(["oops", "sysrq"]);

/** A fault that is more lines before a panic did not cause it: the kernel survived it. */
const MOST_LINES = 400;

/**
 * Why the machine crashed. `undefined` if the log has no panic and no fault: the machine was running, or its log has
 * been overwritten. Takes one regular expression per line, from the end up to the panic.
 */
export function crashReason(records: readonly LogRecord[]): CrashReason | undefined {
  const lines = linesOf(records);
  const panicAt = lines.findLastIndex(({ text }) => PANIC.test(text));
  const panic = lines[panicAt];
  const from = panicAt < 0 ? lines.length : panicAt;
  const faultAt = faultBefore(lines, from);
  const fault = lines[faultAt];
  const why = panic === undefined ? "" : (PANIC.exec(panic.text)?.[1] ?? "");
  // A panic that names a reason is the reason; a panic that only follows from a fault is not.
  const isConsequence =
    fault !== undefined &&
    (panic === undefined ? ENDS_BY_ITSELF.has(kindOf(fault.text) ?? "panic") : why === "" || CONSEQUENCE.test(why));
  const at = isConsequence ? faultAt : panicAt;
  const line = lines[at];
  if (line === undefined) return undefined;
  const kind = isConsequence ? kindOf(line.text) : OUT_OF_MEMORY.test(why) ? "out-of-memory" : "panic";
  return {
    kind: kind ?? "panic",
    reason: line.text,
    panic: isConsequence ? panic?.text : undefined,
    ...placeOf(lines, at),
    nanoseconds: line.nanoseconds,
  };
}

interface Line {
  readonly text: string;
  readonly nanoseconds: bigint | undefined;
}

function linesOf(records: readonly LogRecord[]): Line[] {
  const lines: Line[] = [];
  for (const { text, nanoseconds } of records) {
    for (const one of Buffer.from(text).toString("latin1").split("\n")) lines.push({ text: one.trim(), nanoseconds });
  }
  return lines;
}

/**
 * Index of the first line of the last fault before `end`, or -1: "Oops:" comes after the line that says what happened.
 */
function faultBefore(lines: readonly Line[], end: number): number {
  const oldest = Math.max(0, end - MOST_LINES);
  let found = -1;
  for (let i = end - 1; i >= oldest; i--) {
    const { text } = lines[i] as Line;
    // Lines before the end of another trace belong to another fault.
    if (found >= 0 && /^---\[ end (?:trace|Kernel panic)/.test(text)) break;
    if (kindOf(text) !== undefined) found = i;
    if (found >= 0 && i < found - 12) break;
  }
  return found;
}

function kindOf(text: string): Kind | undefined {
  return FAULTS.find(([, pattern]) => pattern.test(text))?.[0];
}

/** "CPU: 1 PID: 125 Comm: init Not tainted 6.1.0-56", and "CPU: 0 UID: 0 PID: …" from 6.12 on; "Pid: 1, comm: init" before 3.11. */
const TASK = /\bP[Ii][Dd]: (\d+),? [Cc]omm: (.*?)(?= (?:Not tainted|Tainted:|Kdump:)|$)/;
const CPU = /^CPU: (\d+) /;
/** How the program counter is named: on x86, arm64 and arm, ppc64, riscv64, s390x, loongarch64 ("era"), mips64. */
const WHERE =
  /^(?:RIP: 0010:|EIP: |RIP: [0-9a-f]+:(?:\[<[0-9a-f]+>\] )?|pc : |PC is at |NIP \[[0-9a-f]+\] |epc : |Krnl PSW : [0-9a-f]+ [0-9a-f]+ \(|pc [0-9a-f]+ |era: [0-9a-f]+ |epc\s*: [0-9a-f]+ )(?:\[<[0-9a-f]+>\] )?([A-Za-z_.][\w.$]*\+0x[0-9a-f]+\/0x[0-9a-f]+)/;

/** Searches the lines that follow a fault, up to the end of its trace. */
function placeOf(lines: readonly Line[], start: number): Pick<CrashReason, "task" | "cpu" | "at"> {
  let task: CrashReason["task"];
  let cpu: number | undefined;
  let at: string | undefined;
  const end = Math.min(lines.length, start + 60);
  for (let i = start; i < end; i++) {
    const { text } = lines[i] as Line;
    const named = TASK.exec(text);
    if (task === undefined && named !== null) {
      task = { pid: Number(named[1]), comm: named[2] ?? "" };
      const number = CPU.exec(text)?.[1];
      cpu = number === undefined ? undefined : Number(number);
    }
    at ??= WHERE.exec(text)?.[1];
    if (/^---\[ end /.test(text)) break;
  }
  return { task, cpu, at };
}
