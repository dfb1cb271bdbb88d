/** Kernels whose real dumps `npm run test:kernels` found right. It writes this file with TEST_KERNELS_WRITE=1; `npm run matrix` reads it. */

/** A kernel of which a real dump was filtered, and everything held. */
export interface KernelSeen {
  readonly name: string;
  readonly arch: string;
  readonly release: string;
  readonly pageSize: number;
  readonly memoryModel: "vmemmap" | "extreme" | "static" | "flat";
}

export const kernelsSeen: readonly KernelSeen[] = [
  { name: "x86-6.1-la57-tiny", arch: "x86_64", release: "6.1", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "x86-6.1-tiny", arch: "x86_64", release: "6.1", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "x86-7.2-kdump", arch: "x86_64", release: "7.2", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "x86-7.2-rt-256m", arch: "x86_64", release: "7.2", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "x86-7.3-256m", arch: "x86_64", release: "7.3", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "arm64-7.2-tiny", arch: "arm64", release: "7.2", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "riscv64-7.2-tiny", arch: "riscv64", release: "7.2", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "s390x-7.2-tiny", arch: "s390x", release: "7.2", pageSize: 4096, memoryModel: "vmemmap" },
  { name: "ppc64el-7.2-64k-tiny", arch: "ppc64", release: "7.2", pageSize: 65536, memoryModel: "vmemmap" },
  { name: "loong64-7.2-16k-tiny", arch: "loongarch64", release: "7.2", pageSize: 16384, memoryModel: "vmemmap" },
];
