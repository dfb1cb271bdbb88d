#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py DUMP SCAN CORESIEVE... - which marks each mode leaves: pages/cells by kind, as SCAN (scan.c, built) counts them;
then the number of kinds in each, and what is left with registers,tty in the groups of docs/dev/privacy.md.
CORESIEVE is the command: "coresieve", or "node dist/cli/main.js"."""
import os
import subprocess
import sys
import tempfile

dump, scan, command = sys.argv[1], sys.argv[2], sys.argv[3:]
MODES = {"-d 31": ["-d", "31"], "--privacy": ["--privacy"],
         "registers,tty": ["--privacy", "--privacy-extra", "registers,tty"],
         "strict": ["--privacy", "strict"]}
GROUPS = {
    "names": "frule hcifs hrpcn tcbpn keyen autof cfgnm cgnam dnami dnaml edirn fanot fusnm iomsg iopth mfdnm mqnam ovlnm perfr shmnm trhis uhidn unixa 9pnam altnm nfspt rpcca seqfl uinnm unixp uprob xatnm sqnam longp jffnm dmabn",
    "settings": "accnt/4 flwlb hidrd keymp/2 lwgnv nftcm nftlg nftru nftse nftsu simpl termc trprs unimp/2 sndtl cifsd cifsu perff tcsim tccky audru binfm dmnam dmuid domai fscon fusrc hostn ifali ip6op ipopt kbstr keyds kring lonam mntsr mprob nftnm nftud "
                "ovlop trerr trflt trins corep fwpth ipsnm sndct cgrel ncusr fclog ioam6 drmpb ctlab vduse",
    "keys in use": "wgprv algiv cifsp fscrk ip6st sctak sg6hm tcpao algae alghs algke dmcky ktlsk tcpmd tfokk wgpsk xfrma xfrmk wifik cephk",
    "xattr, links": "cgxat elnkl elnks exats exatl fusxa xattr jffln jffxa",
    "ended, removed": "trpip bounc sctp0 cmem0 bpflr bpfpn bpfst ended msgfr slnkf tmpfs xattf tstmp",
    "auxv": "auxv0",
    "calls": "exbuf mntdt psarg rqkey sendc stkol stsnd audsa",
    "numbers": "bpfck cruid ioprm sigac uidmp iotag gidls iocqe ip6ad ip6rt perfc rlimt sigas",
    "virtual machines": "kvmrg kvmxm kvmmm",
    "signal": "sigqu",
    "driver buffers": "9pwri hdlcb pppas sqfrg vport vsock swpdt zram0 vtpmp usbfs usbsr vpout",
    "heads of packets": "tsyn0",
    "types of BPF": "bpfbt",
    "numbers of the machine, command lines": "cmdln dmias dmisn",
    "log": "kmsgw ncbuf pstor",
}
rows = {}


def count(column, path):
    out = subprocess.run([scan, path], stdout=subprocess.PIPE, text=True, check=False).stdout
    # A mark that a screen has half overwritten has controls in its kind, which Python takes for the ends of lines.
    for line in filter(None, out.split("\n")):
        kind, pages, _, cells, _ = line.rsplit(" ", 4)
        rows.setdefault(kind, ["-"] * (1 + len(MODES)))[column] = f"{pages}/{cells}"


count(0, dump)
with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
    for column, options in enumerate(MODES.values(), 1):
        out = os.path.join(folder, "out.elf")
        subprocess.run([*command, dump, out, "-E", *options], check=True, stdout=subprocess.DEVNULL)
        count(column, out)
        os.unlink(out)
print("kind".ljust(10), *[name.rjust(15) for name in ("dump", *MODES)])
for kind in sorted(rows):
    print(ascii(kind)[1:-1].ljust(10), *[cell.rjust(15) for cell in rows[kind]])
print("kinds".ljust(10), *[str(sum(row[i] != "-" for row in rows.values())).rjust(15) for i in range(1 + len(MODES))])
group_of = {kind: group for group, kinds in GROUPS.items() for kind in kinds.split()}
sums = {}
for kind, row in rows.items():
    if row[3] != "-":
        # Memory of ended processes: an object's owner wrote some of its members, and left a mark's begin and end.
        torn = "ended, removed" if len(kind) < 5 or not kind[:5].isalnum() else f"in no group: {kind}"
        left = sums.setdefault(group_of.get(kind, torn), [0, 0, 0])
        for i, number in enumerate([1, *map(int, row[3].split("/"))]):
            left[i] += number
for group, (kinds, pages, cells) in sums.items():
    print(f"{group}: {kinds}: {pages}/{cells}")
