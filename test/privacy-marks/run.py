#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py TOOLS WORK MACHINE [OPTION...] - boots a guest that runs marks.c and is then dumped, by the scripts in TOOLS (runvm.py,
corpuslib.py) with the kernels in WORK/kernels; the dump is in WORK/dumps/marks-MACHINE/vmcore.elf.

Options for the kernel's command line come behind MACHINE ("init_on_alloc=0"); "only:tty:bpf" runs those kinds alone, "modules:tun:loop" loads
those modules alone, which is faster; "vga=0x317" gives it a screen that the firmware sets up.
Machines are below. Then

    cc -O2 -o scan scan.c
    coresieve WORK/dumps/marks-MACHINE/vmcore.elf out.elf --privacy --format elf
    ./scan WORK/dumps/marks-MACHINE/vmcore.elf; ./scan out.elf
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

tools, work, name = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
sys.path.insert(0, tools)
import corpuslib  # noqa: E402
import runvm  # noqa: E402

here = os.path.dirname(os.path.abspath(__file__))
KEYS = {"5.10": "c510", "6.1": "c61", "6.12": "c612", "7.2": "c72", "full-6.1": "g61", "full-7.2": "g72", "arm64-7.2": "arm64-72"}
MODULES = ["virtio_console", "virtio_rng", "zram", "zsmalloc", "lzo_rle", "lzo", "vsock", "vsock_loopback",
           "tun", "libnvdimm", "nd_e820", "nd_pmem", "fuse", "loop", "dm_mod", "dm_crypt", "overlay", "bridge", "tls", "sctp",
           "wireguard", "xfrm_user", "esp4", "nf_tables", "af_alg", "algif_skcipher", "algif_hash", "algif_aead", "cbc", "ctr",
           "gcm", "ghash_generic", "hmac", "binfmt_misc", "configfs", "null_blk", "aesni_intel", "authenc", "echainiv", "seqiv", "sha256_generic", "sha256", "libsha256",
           "act_simple", "cifs", "uhid", "hid_generic", "autofs4", "scsi_debug", "sd_mod", "brd", "tipc", "rds", "ttyprintk", "kvm", "kvm_amd",
           # Full kernels alone have most of these.
           "9p", "9pnet_fd", "nfs", "nfsv3", "nfsd", "nbd", "rxrpc", "libceph", "dns_resolver", "dummy", "macsec", "vcan", "can_raw", "can_bcm", "can_isotp",
           "slip", "n_hdlc", "ppp_async", "snd_virmidi", "snd_seq", "hci_vhci", "uinput", "ip_set_hash_ip", "netconsole", "squashfs", "mac80211_hwsim", "bochs", "virtio_gpu", "vkms", "virtio_input",
           "usbcore", "xhci_pci", "ftdi_sio", "usbmon", "tpm_vtpm_proxy", "speakup_soft", "nfnetlink_queue", "nft_queue", "nft_ct", "sch_netem", "nlmon", "vduse",
           "mtdram", "jffs2", "vgem", "parport_pc", "lp", "ipmi_msghandler", "ipmi_devintf", "ipmi_si", "ramoops", "ovpn",
           "xts", "adiantum", "nhpoly1305", "libpoly1305", "chacha_generic", "chacha_x86_64", "essiv", "cryptd", "lrw", "cmac", "blake2b_generic", "ccm", "ansi_cprng", "algif_rng",
           "nft_log", "nfnetlink_log", "nf_log_syslog", "geneve", "sch_ingress", "cls_bpf", "pkcs8_key_parser"]
key, _, kdump = name.partition("+")
for few in [option for option in sys.argv[4:] if option.startswith("modules:")]:
    MODULES = few.split(":")[1:]

# What the tools compile and start is this folder's program.
sources = os.path.join(work, "marks-sources")
os.makedirs(sources, exist_ok=True)
shutil.copy(os.path.join(here, "marks.c"), os.path.join(sources, "workload.c"))
for header in ("mark.h", "marks-names.h", "marks-network.h", "marks-calls.h", "marks-held.h", "marks-more.h", "marks-further.h", "marks-flight.h", "marks-hidden.h", "marks-late.h", "marks-last.h", "marks-newest.h"):
    shutil.copy(os.path.join(here, header), sources)
EARLIER = 0xE600000  # in the memory that the command line keeps from the kernel (below)
with open(os.path.join(tools, "guest-init"), encoding="ascii") as begin, open(os.path.join(sources, "guest-init"), "w", encoding="ascii") as ours:
    with_place = f"insmod /modules/$m $([ $m = ramoops.ko ] && echo mem_address={EARLIER} mem_size=65536 record_size=4096 console_size=0 ftrace_size=0)"
    ours.write(begin.read().replace("insmod /modules/$m", with_place))
corpuslib.HERE = sources
make_initrd = corpuslib.make_initrd
open_ends = []


def with_modules(*args, workload=True, **named):
    named.setdefault("want", corpuslib.WANT + (MODULES if workload else []))
    return make_initrd(*args, workload=workload, **named)


serial_args = runvm.serial_args


def host_of_port(path):
    """The other end of the port: sends marks, reads nothing."""
    end = socket.socket(socket.AF_UNIX)
    for _ in range(300):
        try:
            end.connect(path)
            break
        except OSError:
            time.sleep(0.1)
    end.sendall(b"".join(b"~mkvport-%06x." % i for i in range(512)))
    open_ends.append(end)


def firmware_text(kind, count):
    """What the owner of the machine gave to its firmware: OEM strings, with which virtual machines get credentials."""
    return "".join(f"~mk{kind}-{i:06x}." for i in range(count))


def earlier_log():
    """A record of ramoops, as a kernel leaves it that crashed before this one: its log, not compressed."""
    data = b"====1700000000.000001-D\n" + "".join(f"~mkpstor-{i:06x}." for i in range(128)).encode()
    return struct.pack("<III", 0x43474244, len(data), len(data)) + data


def with_devices(arch, folder):
    """A virtio-serial port whose host has sent some marks, and takes none, and a source of random numbers."""
    port = os.path.join(folder, "port.sock")
    bounced = os.path.join(folder, "bounced.img")
    with open(bounced, "wb") as disk:
        disk.truncate(1 << 20)
    with open(os.path.join(folder, "earlier.bin"), "wb") as record:
        record.write(earlier_log())
    threading.Thread(target=host_of_port, args=(port,), daemon=True).start()
    return serial_args(arch, folder) + [
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=vp,path={port},server=on,wait=off",
        "-device", "virtserialport,chardev=vp,name=marks",
        # A console of the hypervisor's, to which nobody listens.
        "-chardev", "null,id=hvc", "-device", "virtconsole,chardev=hvc",
        "-object", "rng-builtin,id=rng0", "-device", "virtio-rng-pci,rng=rng0",
        # With swiotlb=2048,force its data go through the kernel's own buffers.
        "-drive", f"file={bounced},format=raw,if=none,id=bounced",
        "-device", "virtio-blk-pci,drive=bounced,serial=BOUNCE,iommu_platform=on,disable-legacy=on",
    ] + (["-device", f"loader,file={folder}/earlier.bin,addr={EARLIER},force-raw=on"] if persistent else []) + (["-device", "VGA"] if any(option.startswith("vga=") for option in sys.argv) else []) + (["-smbios", f"type=11,value={firmware_text('dmioe', 8)}", "-smbios", f"type=1,serial={firmware_text('dmisn', 2)}",
          "-smbios", f"type=3,asset={firmware_text('dmias', 2)}"] if arch == "amd64" else []) + (["-device", "bochs-display", "-device", "virtio-gpu-pci", "-device", "virtio-keyboard-pci",
          "-chardev", "null,id=usb0", "-chardev", "null,id=usb1", "-device", "qemu-xhci", "-device", "usb-serial,chardev=usb0,always-plugged=on",
          "-device", "usb-serial,chardev=usb1,always-plugged=on", "-chardev", "null,id=printer", "-device", "isa-parallel,chardev=printer",
          "-device", "ipmi-bmc-sim,id=bmc", "-device", "isa-ipmi-kcs,bmc=bmc"] if key.startswith("full") else [])


make_ext4 = corpuslib.make_ext4


def with_encryption(out, *args, **named):
    """The file system may have encrypted folders."""
    make_ext4(out, *args, **named)
    subprocess.run(["tune2fs", "-O", "encrypt", out], check=True, stdout=subprocess.DEVNULL)


runvm.make_initrd = with_modules
runvm.make_ext4 = corpuslib.make_ext4 = with_encryption
runvm.serial_args = with_devices
only = [option for option in sys.argv[4:] if option.startswith("only:")]
options = [option for option in sys.argv[4:] if not option.startswith(("only:", "modules:"))]
persistent = ["memmap=32M!192M", "memmap=8M$224M"] if key in ("5.10", "6.1", "6.12", "7.2", "full-6.1", "full-7.2") else []
runvm.var(
    f"marks-{name}", KEYS[key], 640 if kdump else 512 if key.startswith("full") else 320, spec=only[0] if only else "all",
    append=" ".join(["secretmem.enable=1", "marks=" + firmware_text("cmdln", 4)] + options + persistent + ([] if kdump else ["crashkernel=48M"])),
    **({"kdump": "192M", "kexecflag": "-s"} if kdump else {}),
    formats=[] if kdump else ["elf"], timeout=1200, smp=2,
)
sys.exit(0 if runvm.run(work, f"marks-{name}") else 1)
