#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py TOOLS WORK KEY PROGRAM DUMP [WHAT...] - starts a kernel that runs coresieve on many file systems, and prints what came out.

TOOLS has corpuslib.py, WORK/kernels/KEY.env says where a kernel and its modules are: a full one for QEMU (cloud kernels lack 9p), or
with ARCH=um a User-mode Linux (Debian: user-mode-linux), which is ten times as fast and lacks exFAT, NTFS, 9p and virtiofs. PROGRAM is
one executable (npm run build:single), DUMP a dump of some 30 MB (larger ones do not fit into the guest's memory). The guest sees this
machine's files, read-only, so it uses the programs that are here: dosfstools, exfatprogs, ntfs-3g, xfsprogs, e2fsprogs, btrfs-progs,
dmsetup, quota, nfs-kernel-server. WHAT are functions of guest.sh (default: all). Exit code 1 if anything was not as it has to be.
"""
import os
import re
import shutil
import subprocess
import sys
import time

tools, work, key, program, dump = (os.path.abspath(a) if "/" in a else a for a in sys.argv[1:6])
sys.path.insert(0, tools)
import corpuslib  # noqa: E402

here = os.path.dirname(os.path.abspath(__file__))
MODULES = ["virtio_pci", "9pnet_virtio", "9p", "virtiofs", "fuse", "overlay", "loop", "brd", "ext4", "crc32c_generic", "xfs", "quota_v2", "vfat",
           "nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8", "exfat", "ntfs3", "ntfs", "dm_mod", "dm_flakey", "dm_delay", "dm_zero", "nfsd", "nfs", "nfsv3", "nfsv4",
           "btrfs", "f2fs"]
folder = os.path.join(work, "vm", "file-systems")
shutil.rmtree(folder, ignore_errors=True)
for name in ("share", "virtiofs"):
    os.makedirs(os.path.join(folder, name))

kernel = corpuslib.kernel(work, key)
user_mode = kernel["ARCH"] == "um"
modules = corpuslib.module_closure(kernel["MODDIR"], MODULES) if user_mode else []
start = os.path.join(folder, "start.sh")
with open(start, "w") as script:
    script.write("""#!/bin/bash
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mount -t tmpfs -o size=90%% tmpfs /mnt
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
%s
ip link set lo up
for f in %s:coresieve %s:dump %s:guest.sh; do cp ${f%%:*} /mnt/${f##*:}; done
chmod 755 /mnt /mnt/coresieve; chmod 644 /mnt/dump
for d in /tmp /run /var/lib/nfs; do mount -t tmpfs -o mode=1777 tmpfs $d; done
bash /mnt/guest.sh %s
echo END; echo 1 >/proc/sys/kernel/sysrq; echo o >/proc/sysrq-trigger; sleep 100
""" % ("\n".join(f"busybox insmod {path}" for path in modules), program, dump, os.path.join(here, "guest.sh"), " ".join(sys.argv[6:]) or "all"))
os.chmod(start, 0o755)
started = []
socket = os.path.join(folder, "virtiofs.sock")
daemon = next((p for p in ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd") if os.path.exists(p)), None)
if daemon and not user_mode:
    log = open(os.path.join(folder, "virtiofsd.log"), "w")
    options = ["-o", f"source={folder}/virtiofs", "-o", "sandbox=chroot", "-o", "xattr"]
    started.append(subprocess.Popen([daemon, f"--socket-path={socket}"] + options, stdout=log, stderr=log))
    while not os.path.exists(socket):
        time.sleep(0.1)


def share(path, tag, options=""):
    return ["-fsdev", f"local,id={tag},path={path},security_model=none{options}", "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


memory = os.environ.get("MEMORY", "3G")
if user_mode:
    command = [kernel["VMLINUZ"], f"mem={memory}", "rootfstype=hostfs", "rootflags=/", "ro", f"init={start}", "con=null", "con0=null,fd:1", "ssl=null", "quiet"]
else:
    # What the tools pack is this folder's /init. Protection keys empty the emulated processor's caches at each turn of V8.
    sources = os.path.join(folder, "sources")
    os.makedirs(sources)
    shutil.copy(os.path.join(here, "guest-init"), sources)
    corpuslib.HERE = sources
    initrd = corpuslib.make_initrd(work, key, os.path.join(folder, "initrd.gz"), workload=False, want=MODULES)
    command = ["qemu-system-x86_64", "-machine", "q35,memory-backend=ram", "-cpu", "max,pku=off,la57=off", "-accel", "tcg,thread=multi", "-smp", "1",
               "-m", memory, "-object", f"memory-backend-memfd,id=ram,size={memory},share=on", "-display", "none", "-nodefaults", "-no-reboot",
               "-kernel", kernel["VMLINUZ"], "-initrd", initrd, "-serial", "stdio",
               "-append", f"console=ttyS0 quiet no_timer_check panic=-1 start={start}"]
    command += share("/", "root", ",readonly=on,multidevs=remap") + share(f"{folder}/share", "share")
    if daemon:
        command += ["-chardev", f"socket,id=vf,path={socket}", "-device", "vhost-user-fs-pci,chardev=vf,tag=virtiofs"]
guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
started.append(guest)
ended = bad = 0
with open(os.path.join(folder, "console.log"), "w") as console:
    for line in guest.stdout:
        console.write(line)
        console.flush()
        line = line.strip()
        if re.match(r"(ok|BAD|none|END)\b|# ", line):
            print(line, flush=True)
        bad += line.startswith("BAD")
        ended += line.startswith("END")
for process in started:
    process.terminate()
sys.exit(1 if bad or not ended else 0)
