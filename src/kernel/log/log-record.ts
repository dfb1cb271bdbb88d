/** One message of the kernel's log. What its kernel did not record is `undefined`. */
export interface LogRecord {
  /** Number of the record since boot (5.10 on); before that nothing counts them in the buffer. */
  readonly seq: number | undefined;
  /** Nanoseconds since boot; `undefined` in logs before 3.5 without CONFIG_PRINTK_TIME. */
  readonly nanoseconds: bigint | undefined;
  /** 0 emergency to 7 debug. */
  readonly level: number | undefined;
  /** Who spoke: 0 the kernel, others as in syslog. */
  readonly facility: number | undefined;
  /** The thread, or the CPU where it was no thread's context (5.1 on, with CONFIG_PRINTK_CALLER). */
  readonly caller: { readonly kind: "thread" | "cpu"; readonly id: number } | undefined;
  /** The bytes, as the kernel has them; several lines are separated by 0x0a. No encoding is named: `Buffer.from(text).toString("utf8")` reads most. */
  readonly text: Uint8Array;
  /** "SUBSYSTEM" and "DEVICE" of device messages. */
  readonly device: Readonly<Record<string, string>>;
  /** A piece of a line that was printed in pieces (LOG_CONT). Readers show it as a line of its own. */
  readonly continues: boolean;
}

/** A kernel log as far as the dump has it. */
export interface KernelLog {
  /** How the kernel keeps it. */
  readonly kind: "printk_ringbuffer" | "printk_log" | "characters";
  readonly records: readonly LogRecord[];
  /** Records that are there by the buffer's own account, but not whole in the dump. */
  readonly unreadable: number;
}

/** `caller_id` (kernel/printk: printk_caller_id): bit 31 says that it is a CPU. */
export function callerOf(id: number): LogRecord["caller"] {
  return id >= 0x8000_0000 ? { kind: "cpu", id: id - 0x8000_0000 } : { kind: "thread", id };
}

/** The byte that has `u8 flags:5, level:3`: compilers fill it from the other end on big-endian machines. */
export function flagsAndLevel(byte: number, littleEndian: boolean): { flags: number; level: number } {
  return littleEndian ? { flags: byte & 0x1f, level: byte >> 5 } : { flags: byte >> 3, level: byte & 7 };
}

/** Flag of a record (include/linux/printk.h), the same in all kernels since 3.5. */
export const LOG_CONT = 8;

/** No `log_buf_len` is larger (the kernel's own limit); one that is larger is damage. */
export const MAX_LOG_BYTES = 2 ** 31;
