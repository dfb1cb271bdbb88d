/** One message of the kernel's log. A field that its kernel did not record is `undefined`. */
export interface LogRecord {
  /** Number of the record since boot (5.10 and later); older buffers do not number their records. */
  readonly seq: number | undefined;
  /** Nanoseconds since boot; `undefined` in logs before 3.5 without CONFIG_PRINTK_TIME. */
  readonly nanoseconds: bigint | undefined;
  /** 0 emergency to 7 debug. */
  readonly level: number | undefined;
  /** The source of the message: 0 is the kernel, others as in syslog. */
  readonly facility: number | undefined;
  /** The thread, or the CPU outside of threads (5.1 and later, with CONFIG_PRINTK_CALLER). */
  readonly caller: { readonly kind: "thread" | "cpu"; readonly id: number } | undefined;
  /**
   * The bytes as the kernel has them; several lines are separated by 0x0a. The encoding is not recorded:
   * `Buffer.from(text).toString("utf8")` reads most.
   */
  readonly text: Uint8Array;
  /** "SUBSYSTEM" and "DEVICE" of device messages. */
  readonly device: Readonly<Record<string, string>>;
  /** A piece of a line that was printed in pieces (LOG_CONT). Readers show it as a line of its own. */
  readonly continues: boolean;
}

/** A kernel log as far as the dump has it. */
export interface KernelLog {
  /** The kind of the kernel's buffer. */
  readonly kind: "printk_ringbuffer" | "printk_log" | "characters";
  readonly records: readonly LogRecord[];
  /** Records that should be there according to the buffer, but that the dump lacks, wholly or in part. */
  readonly unreadable: number;
}

/** `caller_id` (kernel/printk: printk_caller_id): bit 31 says that it is a CPU. */
export function callerOf(id: number): LogRecord["caller"] {
  return id >= 0x8000_0000 ? { kind: "cpu", id: id - 0x8000_0000 } : { kind: "thread", id };
}

/** Splits the byte of `u8 flags:5, level:3`: on big-endian machines compilers fill it from the other end. */
export function flagsAndLevel(byte: number, littleEndian: boolean): { flags: number; level: number } {
  return littleEndian ? { flags: byte & 0x1f, level: byte >> 5 } : { flags: byte >> 3, level: byte & 7 };
}

/** Flag of a record (include/linux/printk.h), the same in all kernels since 3.5. */
export const LOG_CONT = 8;

/** The kernel's own limit of `log_buf_len`; a larger one is damage. */
export const MAX_LOG_BYTES = 2 ** 31;
/** The most bytes of a log, whatever the files store: Debian's kernels have 128 KiB. */
const LOG_FREELY = 32 << 20;
/**
 * Beyond that, for each byte that the files store. Page tables may map one page as a log of gigabytes; text is packed to a tenth, and a
 * dump has more than its log.
 */
const LOG_PER_BYTE = 64;

/** The most bytes of a log that is believed of memory for which files store `held` bytes. */
export function mostLog(held = Number.POSITIVE_INFINITY): number {
  return Math.min(MAX_LOG_BYTES, Math.max(LOG_FREELY, LOG_PER_BYTE * held));
}

/** The most records of a log of so many bytes: each has a struct of its own, and mostly text. */
export function mostRecords(bytes: number): number {
  return bytes / 64;
}
