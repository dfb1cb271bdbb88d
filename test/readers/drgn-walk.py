"""Walks through a kernel with drgn and its debugging information: tasks, their stacks' tops, the log, all slab objects.

usage: drgn -q --no-default-symbols -s VMLINUX -c DUMP drgn-walk.py

Slab caches are walked by their freelists, through struct pages and slab pages all over memory, so that a wrong byte in
a kept page, or a page that should have been kept, hardly goes by unseen.
"""

import hashlib

from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.printk import get_dmesg
from drgn.helpers.linux.slab import for_each_slab_cache, slab_cache_for_each_allocated_object

# drgn puts prog into the script's names.
for task in for_each_task(prog):  # noqa: F821
    name = task.comm.string_().decode()
    stack = prog.read(task.stack.value_(), 16384)  # noqa: F821
    print("task", task.pid.value_(), name, hashlib.sha256(stack).hexdigest())

for line in get_dmesg(prog).decode(errors="backslashreplace").splitlines():  # noqa: F821
    print("log", line)

for cache in for_each_slab_cache(prog):  # noqa: F821
    size = cache.object_size.value_()
    digest = hashlib.sha256()
    count = 0
    for address in sorted(one.value_() for one in slab_cache_for_each_allocated_object(cache, "void")):
        digest.update(address.to_bytes(8, "little") + prog.read(address, size))  # noqa: F821
        count += 1
    print("slab", cache.name.string_().decode(), count, digest.hexdigest())
