"""Unwinds every task with drgn.

usage: drgn -q --no-default-symbols -s VMLINUX -c DUMP drgn-frames.py

Prints a line for each task: its number, its name, and its frames' names or what drgn said instead.
"""

from drgn.helpers.linux.pid import for_each_task

# drgn puts prog into the script's names.
for task in for_each_task(prog):  # noqa: F821
    try:
        frames = " ".join(frame.name or "?" for frame in prog.stack_trace(task))  # noqa: F821
    except Exception as error:
        frames = f"{type(error).__name__}: {error}"
    print(task.pid.value_(), task.comm.string_().decode(), frames)
