"""Reads kernel virtual memory through drgn without debugging information, by the page tables in the dump.

usage: drgn -q --no-default-symbols -c DUMP drgn-read.py ADDRESS:LENGTH...    (both in hex)

Prints one line for each range: the address and the bytes in hex, or what drgn said instead.
"""

import sys

for argument in sys.argv[1:]:
    address, length = (int(part, 16) for part in argument.split(":"))
    try:
        answer = prog.read(address, length).hex()  # noqa: F821 (drgn puts prog into the script's names)
    except Exception as error:
        answer = f"{type(error).__name__}: {error}"
    print(f"{address:x} {answer}")
