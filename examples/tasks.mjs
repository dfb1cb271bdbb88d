// Reads kernel variables by name: the tasks that were there, and how long the kernel was up. Needs a kernel with BTF, or its
// vmlinux.
//
//   node examples/tasks.mjs vmcore [vmlinux]
import { kernelOf, openDump } from "coresieve";

const [input, vmlinux] = process.argv.slice(2);
if (input === undefined) {
  console.error("usage: node tasks.mjs DUMP [VMLINUX]");
  process.exit(2);
}
const dump = openDump(input);
const kernel = kernelOf(dump, vmlinux === undefined ? {} : { vmlinux });
try {
  const { release, version, machine } = kernel.utsname;
  console.log(`Linux ${release} ${version} ${machine}`);
  console.log(`symbols: ${kernel.symbols?.source ?? "none"}, types: ${kernel.types?.source ?? "none"}`);
  const init = kernel.symbol("init_task");
  if (init === undefined || kernel.types === undefined) throw new Error("the kernel tells no types; name its vmlinux");

  const tasks = [init];
  // The list's head is the member of the idle task.
  const walk = kernel.walkList(kernel.memberAddress("task_struct", init, "tasks"), "task_struct", "tasks");
  for (let step = walk.next(); ; step = walk.next()) {
    if (step.done) {
      if (step.value !== "end") console.log(`the list of tasks is broken: ${step.value}`);
      break;
    }
    tasks.push(step.value);
  }
  for (const task of tasks) {
    const pid = BigInt.asIntN(32, kernel.readMember("task_struct", task, "pid") ?? -1n);
    const comm = kernel.readText(kernel.memberAddress("task_struct", task, "comm"), 16);
    console.log(`${String(pid).padStart(7)}  0x${task.toString(16)}  ${comm}`);
  }
} finally {
  kernel.close();
  dump.close();
}
