import { DumpError } from "../../errors.js";
import { foreignText } from "../../foreign-text.js";
import { explain } from "../explain.js";
import type { MakedumpfileRequest } from "./arguments.js";

/** The system's own words for errno, which makedumpfile prints. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  EISDIR: "Is a directory",
  ENOTDIR: "Not a directory",
  EIO: "Input/output error",
};

/**
 * The line about an error. Where scripts may look for makedumpfile's words (an existing file, files that cannot be
 * opened), it uses them; otherwise it is coresieve's message.
 */
export function failureLine(
  error: unknown,
  program: string,
  { files, vmcoreinfo, vmlinux }: MakedumpfileRequest,
): string {
  if (!(error instanceof DumpError)) return `${program}: ${explain(error)}`;
  const system = SYSTEM_WORDS[error.systemError ?? ""];
  const { file = "" } = error;
  const shown = foreignText(file);
  if (system !== undefined && error.code === "NOT_WRITABLE") {
    return `open_dump_file: Can't open the dump file(${shown}). ${system}`;
  }
  if (system !== undefined && error.code === "NOT_READABLE") {
    if (file === vmlinux) return `open_kernel_file: Can't open the kernel file(${shown}). ${system}`;
    if (file === vmcoreinfo) return `open_vmcoreinfo: Can't open the vmcoreinfo file(${shown}). ${system}`;
    if (file === files[0]) return `open_dump_memory: Can't open the dump memory(${shown}). ${system}`;
  }
  return `${program}: ${error.message}`;
}

/** makedumpfile's line about an output that exists already. */
export function fileExists(path: string): string {
  return `check_dump_file: Can't open the dump file (${foreignText(path)}). File exists`;
}

/** 1; but 2 for a VMCOREINFO file (-i) of another kernel than the dump's. */
export function failureCode(error: unknown, { vmcoreinfo }: MakedumpfileRequest): 1 | 2 {
  const other = error instanceof DumpError && vmcoreinfo !== undefined && error.file === vmcoreinfo;
  return other && error.subcode === "OTHER_KERNEL" ? 2 : 1;
}
