#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""transcripts.py DUMP VMLINUX CORESIEVE... - what crash and drgn say of a dump, and of what each mode leaves of it, line by line.
For each command and mode: how many lines the original has, how many differ, and of those the first ones.
CORESIEVE is the command: "coresieve", or "node dist/cli/main.js". CRASH and DRGN in the environment name other programs than those in
PATH (empty: none), DIFFS how many lines are shown (4). The dump's own name and crash's warning that data were erased are left out."""
import difflib
import os
import re
import subprocess
import sys
import tempfile

dump, vmlinux, command = sys.argv[1], sys.argv[2], sys.argv[3:]
MODES = {"--privacy": ["--privacy"],
         "registers,tty": ["--privacy", "--privacy-extra", "registers,tty"],
         "log,host": ["--privacy", "--privacy-extra", "registers,tty,log,host"],
         "strict": ["--privacy", "strict"],
         "strict, comm": ["--privacy", "strict", "--privacy-keep", "comm"]}
COMMANDS = ["sys", "ps", "bt -a", "foreach bt", "mod", "kmem -s", "kmem -S", "kmem -i", "net", "irq", "timer", "runq", "dev", "files",
            "foreach files", "mount", "log"]
DRGN = """
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.slab import for_each_slab_cache
from drgn.helpers.linux.list import list_for_each_entry
print("== drgn: tasks")
for task in for_each_task(prog):
    print(task.pid.value_(), task.comm.string_().decode(errors="replace"))
print("== drgn: stacks")
for task in for_each_task(prog):
    try:
        print(task.pid.value_(), " ".join(frame.name or "?" for frame in prog.stack_trace(task)))
    except Exception as error:
        print(task.pid.value_(), type(error).__name__, error)
print("== drgn: slab caches")
for cache in for_each_slab_cache(prog):
    print(cache.name.string_().decode(errors="replace"), cache.object_size.value_())
print("== drgn: modules")
for module in list_for_each_entry("struct module", prog["modules"].address_of_(), "list"):
    print(module.name.string_().decode(errors="replace"))
"""
ERASED = re.compile(r"\nWARNING: [^\n]*\n *Kernel data has been erased [\s\S]*?runtime behavior\.\n")


def lines_of(out, path):
    """The lines of each command's answer."""
    found, key = {}, "begin"
    for line in ERASED.sub("\n", out).replace(path, "DUMPFILE").split("\n"):
        if line.startswith("== "):
            key = line[3:]
        elif line.strip() and "DUMPFILE:" not in line:
            found.setdefault(key, []).append(line.rstrip())
    return found


def says(folder, text, program, path):
    """What a program answers to a file of questions."""
    asked = os.path.join(folder, "asked")
    with open(asked, "w") as f:
        f.write(text)
    out = subprocess.run([part.replace("ASKED", asked) for part in program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.DEVNULL, check=False, errors="replace").stdout
    return lines_of(out, path)


def crash(path, folder):
    text = "".join(f"!echo '== {one}'\n{one}\n" for one in COMMANDS) + "quit\n"
    program = os.environ.get("CRASH", "crash")
    return says(folder, text, [program, "-s", "-i", "ASKED", vmlinux, path], path) if program else {}


def drgn(path, folder):
    program = os.environ.get("DRGN", "drgn")
    return says(folder, DRGN, [program, "-q", "-s", vmlinux, "-c", path, "ASKED"], path) if program else {}


with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as work:
    # QEMU's own ELF files have no virtual addresses, without which drgn finds nothing: it is asked about all pages, with them.
    whole = os.path.join(work, "whole.elf")
    subprocess.run([*command, dump, whole, "-E", "-d", "0"], check=True, stdout=subprocess.DEVNULL)
    original = {**crash(dump, work), **drgn(whole, work)}
    os.unlink(whole)
    for mode, options in MODES.items():
        target = os.path.join(work, "out.elf")
        subprocess.run([*command, dump, target, "-E", *options], check=True, stdout=subprocess.DEVNULL)
        other = {**crash(target, work), **drgn(target, work)}
        os.unlink(target)
        print(f"==== {mode}")
        for key in [*original, *(one for one in other if one not in original)]:
            before, after = original.get(key, []), other.get(key, [])
            lines = [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))]
            changed = sum(line[0] == "-" for line in lines)
            print(f"{key}: {len(before)} lines, {changed} differ, {sum(line[0] == '+' for line in lines) - changed:+d}")
            for line in lines[:int(os.environ.get("DIFFS", "4"))]:
                print("    " + line)
        sys.stdout.flush()
