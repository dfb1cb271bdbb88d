// Lists the tasks of a dump with their stacks: functions whose addresses lie there, newest first, what returned long ago among them. Needs a kernel
// with BTF, or its vmlinux.
//
//   node examples/tasks.mjs vmcore [vmlinux]
import { kernelOf, openDump, tasksOf } from "coresieve";

const [input, vmlinux] = process.argv.slice(2);
if (input === undefined) {
  console.error("usage: node tasks.mjs DUMP [VMLINUX]");
  process.exit(2);
}
/** Where a task that does not run left its stack pointer: x86-64, arm64, riscv64, s390x. */
const STACK_POINTERS = ["thread.sp", "thread.cpu_context.sp", "thread.ksp"];
/** Bytes of a stack that are looked at; a mapped one ends in a page that is not there. */
const MOST = 16384;

/** Bytes of a function. */
const LARGEST_FUNCTION = 16n << 10n;

const options = vmlinux === undefined ? {} : { vmlinux };
const dump = openDump(input);
const kernel = kernelOf(dump, options);
try {
  const { release, version, machine } = kernel.utsname;
  console.log(`Linux ${release} ${version} ${machine}`);
  console.log(`symbols: ${kernel.symbols?.source ?? "none"}, types: ${kernel.types?.source ?? "none"}`);
  for (const task of tasksOf(dump, options)) {
    const { pid, comm, state, address } = task;
    // Names are foreign text.
    console.log(`${String(pid).padStart(7)} ${state} 0x${address.toString(16)}  ${JSON.stringify(comm)}`);
    for (const line of stackOf(address)) console.log(`          ${line}`);
  }
} finally {
  kernel.close();
  dump.close();
}

/** What a task was doing: it sleeps in the first functions. */
function stackOf(task) {
  const member = (path) => kernel.readMember("task_struct", task, path);
  const pointer = STACK_POINTERS.map(member).find((value) => value !== undefined && value !== 0n);
  const stack = member("stack");
  if (pointer === undefined || stack === undefined || pointer < stack || pointer - stack >= BigInt(MOST)) return [];
  const bytes = kernel.readVirtual(pointer, Number(stack + BigInt(MOST) - pointer));
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines = [];
  const text = kernel.symbol("_stext") ?? 0n;
  // Where symbols have functions only, the end of the text is none of them: a kernel has 16 MiB or so.
  const end = kernel.symbol("_etext") ?? text + (16n << 20n);
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const word = words.getBigUint64(at, kernel.littleEndian);
    const near = word > text && word < end ? kernel.symbols?.nearest(word) : undefined;
    // A return address is never a function's first.
    if (near !== undefined && near.offset > 0n && near.offset < LARGEST_FUNCTION)
      lines.push(`${near.name}+0x${near.offset.toString(16)}`);
  }
  return lines;
}
