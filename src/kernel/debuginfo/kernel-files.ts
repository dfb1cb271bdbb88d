import { DumpError } from "../../errors.js";
import type { ByteSource } from "../../reader/source/byte-source.js";

/** First bytes of compressed files (their formats' specifications), as latin1. */
const COMPRESSED: readonly (readonly [magic: string, name: string, unpack: string])[] = [
  ["\x1f\x8b", "gzip", "gzip -d"],
  ["\xfd7zXZ\0", "xz", "xz -d"],
  ["\x28\xb5\x2f\xfd", "zstd", "zstd -d"],
  ["BZh", "bzip2", "bzip2 -d"],
  ["\x02\x21\x4c\x18", "lz4", "lz4 -d"],
  ["\x04\x22\x4d\x18", "lz4", "lz4 -d"],
  ["\x89LZO", "lzop", "lzop -d"],
];

const DEBUG_FILE =
  "Give the kernel's vmlinux with symbols: of the package kernel-debuginfo, linux-image-…-dbg or …-dbgsym";

/** The error for a file that is not ELF: says what the file is, if that is recognised. */
export function notAVmlinux(source: ByteSource, head: Uint8Array): DumpError {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const bad = (what: string, cure: string) => new DumpError("BAD_OPTION", what, { file: source.name, cure });
  const packed = COMPRESSED.find(([magic]) => bytes.subarray(0, magic.length).toString("latin1") === magic);
  if (packed !== undefined)
    return bad(`is compressed with ${packed[1]}`, `Unpack it with ${packed[2]} first, if it is a vmlinux`);
  const image = bootImage(source, bytes);
  if (image !== undefined)
    return bad(`is ${image}, as boot loaders take it: it has no symbols and no types`, DEBUG_FILE);
  return bad("is not a vmlinux: it is not an ELF file", DEBUG_FILE);
}

/** Images for boot loaders: Documentation/arch/x86/boot.rst, arm64/booting.rst, riscv/boot-image-header.rst; EFI zboot; arm's zImage. */
function bootImage(source: ByteSource, bytes: Buffer): string | undefined {
  const at = (offset: number, length: number) => bytes.subarray(offset, offset + length).toString("latin1");
  if (at(0x202, 4) === "HdrS") {
    const version = Buffer.alloc(256);
    const pointer = bytes.readUInt16LE(0x20e);
    const read = pointer === 0 ? 0 : source.read(version, pointer + 0x200);
    const text = /^\d+\.\d+[ -~]*/.exec(version.subarray(0, read).toString("latin1"))?.[0];
    return `a kernel image (bzImage, vmlinuz)${text === undefined ? "" : ` of ${text.split(" ")[0]}`}`;
  }
  if (at(0, 2) === "MZ" && at(4, 4) === "zimg") return "a compressed kernel image (EFI zboot, vmlinuz)";
  if (at(56, 4) === "ARM\x64" || at(56, 4) === "RSC\x05") return "a kernel image (Image)";
  if (bytes.length >= 0x28 && bytes.readUInt32LE(0x24) === 0x016f2818) return "a kernel image (zImage)";
  return at(0, 2) === "MZ" ? "a kernel image for EFI" : undefined;
}
