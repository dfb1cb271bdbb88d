"""Reads every page of a dump through libkdumpfile and compares it with the ELF dump it was made from.

usage: kdumpcheck.py ORIGINAL OUTPUT [KEPT]

ORIGINAL is read by the small reader below and not by libkdumpfile, so that one mistake cannot hide on both sides.
KEPT is a file with a bitmap of the pages that have to be in OUTPUT (bit n of byte n >> 3, least significant first).
Without it every page that can be read counts as kept, and `sha256` states which these were. With it (an ELF output, in
which a dropped page reads as zeros) a page outside it must be refused or zero.

Prints one JSON object. The lists in it hold the first few pfns only and are empty when all is well.
"""

import hashlib
import json
import mmap
import struct
import sys

import kdumpfile

# 0.5.5 gave everything other names.
OLD = hasattr(kdumpfile, "kdumpfile")
if OLD:
    from kdumpfile.exceptions import NoDataException as NoData

    MACHPHYSADDR = kdumpfile.KDUMP_MACHPHYSADDR
else:
    from kdumpfile import MACHPHYSADDR
    from kdumpfile import NoDataError as NoData

LIST_LIMIT = 10


class Original:
    """The PT_LOAD segments of an ELF dump. Honours e_phoff, the class and the byte order."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.bytes[:4] != b"\x7fELF":
            raise SystemExit(f"{path} is not an ELF file")
        order = "<" if self.bytes[5] == 1 else ">"
        if self.bytes[4] == 2:
            phoff, phnum = self.unpack(order + "Q", 32), self.unpack(order + "H", 56)
            size, layout, pick = 56, order + "IIQQQQQQ", (0, 2, 4, 5)
        else:
            phoff, phnum = self.unpack(order + "I", 28), self.unpack(order + "H", 44)
            size, layout, pick = 32, order + "IIIIIIII", (0, 1, 3, 4)
        self.loads = []
        for i in range(phnum):
            header = struct.unpack_from(layout, self.bytes, phoff + i * size)
            kind, offset, paddr, filesz = (header[field] for field in pick)
            if kind == 1 and filesz > 0:
                self.loads.append((paddr, paddr + filesz, offset))

    def unpack(self, layout, offset):
        return struct.unpack_from(layout, self.bytes, offset)[0]

    def pfns(self, page_size):
        """The pages of which the file holds a byte."""
        found = set()
        for start, end, _ in self.loads:
            found.update(range(start // page_size, (end + page_size - 1) // page_size))
        return found

    def page(self, pfn, page_size):
        """A page put together from the segments in file order; None when no segment has a byte of it."""
        first, last = pfn * page_size, (pfn + 1) * page_size
        for start, end, offset in self.loads:
            if start <= first and last <= end:
                at = offset + first - start
                return self.bytes[at : at + page_size]
        page, held = bytearray(page_size), False
        for start, end, offset in reversed(self.loads):
            low, high = max(first, start), min(last, end)
            if low < high:
                page[low - first : high - first] = self.bytes[offset + low - start : offset + high - start]
                held = True
        return bytes(page) if held else None


def open_dump(path):
    """Opens a dump in libkdumpfile, as a Linux kernel's."""
    dump = kdumpfile.kdumpfile(path) if OLD else kdumpfile.Context()
    if not OLD:
        dump.open(path)
    dump.attr["addrxlat.ostype"] = "linux"
    return dump


def facts_from_notes(dump):
    """What libkdumpfile read out of the notes: VMCOREINFO's lines and every CPU's registers."""
    facts = {}

    def walk(directory, prefix):
        for key in directory:
            value = directory[key]
            if hasattr(value, "keys"):
                walk(value, f"{prefix}{key}.")
            elif isinstance(value, (int, str)):
                facts[prefix + key] = value

    for top in ("cpu", "linux.vmcoreinfo.lines"):
        try:
            walk(dump.attr[top], top + ".")
        # Newer ones have the directory, and nothing in it.
        except (KeyError, NoData):
            pass
    return facts


def add(numbers, pfn):
    if len(numbers) < LIST_LIMIT:
        numbers.append(pfn)


def check(original_path, output_path, kept_path):
    original = Original(original_path)
    dump = open_dump(output_path)
    page_size = dump.attr["arch.page_size"]
    kept = None
    if kept_path is not None:
        with open(kept_path, "rb") as file:
            kept = file.read()
    zero = bytes(page_size)
    digest = hashlib.sha256()
    result = {
        "format": dump.attr["file.description"],
        "pageSize": page_size,
        "maxPfn": dump.attr["max_pfn"],
        "read": 0,
        "same": 0,
        "zero": 0,
        "refused": 0,
        "absentZero": 0,
        "different": [],
        "unknown": [],
        "broken": [],
        "leaked": [],
        "missing": [],
    }
    in_original = original.pfns(page_size)
    for pfn in sorted(in_original | set(range(dump.attr["max_pfn"]))):
        wanted = kept is None or (pfn >> 3 < len(kept) and kept[pfn >> 3] >> (pfn & 7) & 1)
        try:
            page = dump.read(MACHPHYSADDR, pfn * page_size, page_size)
        except NoData:
            result["refused"] += 1
            # A zero page may be left out of an ELF file; without a list of kept pages there is nothing to miss.
            if kept is not None and wanted:
                if original.page(pfn, page_size) == zero:
                    result["absentZero"] += 1
                else:
                    add(result["missing"], pfn)
            continue
        except Exception as error:  # whatever libkdumpfile says of the page, it is a page that cannot be read
            add(result["broken"], f"{pfn}: {error}")
            continue
        result["read"] += 1
        digest.update(struct.pack("<Q", pfn))
        if page == zero:
            result["zero"] += 1
        if not wanted:
            if page != zero:
                add(result["leaked"], pfn)
        elif pfn not in in_original:
            add(result["unknown"], pfn)
        elif page == original.page(pfn, page_size):
            result["same"] += 1
        else:
            add(result["different"], pfn)
    result["sha256"] = digest.hexdigest()
    ours, theirs = facts_from_notes(dump), facts_from_notes(open_dump(original_path))
    result["noteFacts"] = len(theirs)
    result["noteDifferences"] = sorted(
        key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
    )[:LIST_LIMIT]
    # Formats that do not say themselves what system they are of have none.
    uts = dump.attr["linux.uts"] if "linux.uts" in dump.attr else {}
    result["uts"] = {key: uts.get(key) for key in ("sysname", "release", "version", "machine")}
    return result


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    print(json.dumps(check(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else None)))
