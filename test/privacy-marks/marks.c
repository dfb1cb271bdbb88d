/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.c - leaves marked data in as many places of a kernel as it can, then prints READY and waits. Static; runs as the child of
 * the guest's init. A kind that the kernel cannot do is named on the console and passed over.
 *     workload SPEC [TRUTH-DISK [MOUNTED-EXT4]]      SPEC "only:abc:def" leaves out all other kinds
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/bpf.h>
#include <linux/dm-ioctl.h>
#include <linux/fscrypt.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#if defined __x86_64__
#include <linux/kvm.h>
#endif
#include <linux/loop.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/uhid.h>
#include <linux/vm_sockets.h>
#include <linux/xfrm.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>
#include "mark.h"

#define PAGE 4096
static unsigned serial;

static void say(const char *fmt, ...)
{
	char b[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b, sizeof b, fmt, ap);
	va_end(ap);
	if (write(1, b, n) < 0)
		_exit(9);
}

/* fills whole cells of a buffer with marks of a kind, and what is left with dots */
static void fill(void *at, size_t length, const char *kind)
{
	char *p = at;
	for (; length >= CELL; length -= CELL, p += CELL)
		mark_cell(p, kind, serial++);
	memset(p, '.', length);
}

/* a text of marks, ended by 0; overwritten by the next */
static char *text(const char *kind, size_t length)
{
	static char b[65536];
	memset(b, 0, sizeof b);
	fill(b, length, kind);
	return b;
}

static void forget(void)
{
	text("none0", 0);
}

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
	if (n < 0)
		say("%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static char *map(size_t length)
{
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* runs `what` in a child of its own that stays until it is done, or for ever */
static pid_t child(void (*what)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		what();
		_exit(0);
	}
	return pid;
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

/* ---- memory of processes that have ended, and what the slab allocator makes of its pages ---- */

static void fill_memory(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = 0;
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "MemAvailable: %ld kB", &kib);
	size_t length = (size_t)(kib * 4 / 5) << 10;
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return;
	madvise(p, length, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < length; at += PAGE)
		fill(p + at, PAGE, "ended");
}

static void do_ended(void)
{
	waitpid(child(fill_memory), NULL, 0);
	/* many objects of many caches */
	struct rlimit many = { 65536, 65536 };
	setrlimit(RLIMIT_NOFILE, &many);
	char path[64];
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof path, "/t/e%d", i);
		if (open(path, O_CREAT | O_RDWR, 0600) < 0)
			break;
	}
	int ep = epoll_create1(0);
	for (int i = 0; i < 400; i++) {
		int fd = eventfd(0, 0);
		struct epoll_event event = { .events = EPOLLIN };
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
		socket(AF_UNIX, SOCK_STREAM, 0);
		socket(AF_INET, i & 1 ? SOCK_STREAM : SOCK_DGRAM, 0);
		inotify_init();
		int pipes[2];
		if (pipe(pipes))
			break;
	}
	for (int i = 0; i < 200; i++)
		mmap(NULL, PAGE, i & 1 ? PROT_READ : PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 50; i++)
		child(sleep_for_ever);
}

/* ---- freed objects ---- */

struct message { long type; char body[4000]; };

static void do_messages(void)
{
	struct message m = { .type = 1 };
	int kept = msgget(IPC_PRIVATE, 0600), gone = msgget(IPC_PRIVATE, 0600);
	size_t sizes[] = { 32, 90, 200, 480, 1000, 1900, 3900 };
	for (unsigned i = 0; i < 4 * 7; i++) {
		fill(m.body, sizes[i % 7], "msgin");
		if (i < 7 && msgsnd(kept, &m, sizes[i % 7], IPC_NOWAIT))
			say("msgsnd: %s\n", strerror(errno));
		fill(m.body, sizes[i % 7], "msgfr");
		msgsnd(gone, &m, sizes[i % 7], IPC_NOWAIT);
		if (i >= 4)
			msgrcv(gone, &m, sizeof m.body, 0, IPC_NOWAIT);
	}
	while (msgrcv(gone, &m, sizeof m.body, 0, IPC_NOWAIT) > 0)
		;
	memset(&m, 0, sizeof m);
	struct mq_attr attr = { .mq_maxmsg = 8, .mq_msgsize = 1024 };
	mqd_t q = mq_open("/marks", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
	for (int i = 0; i < 6; i++)
		mq_send(q, text("mqpos", 64 << (i % 5)), 64 << (i % 5), i);
	forget();
}

static void do_names(void)
{
	char path[300];
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof path, "/t/l%d", i);
		if (symlink(text("slnkf", 64 + 16 * (i % 40)), path) == 0)
			unlink(path);
	}
	if (symlink(text("slnku", 200), "/t/link"))
		say("symlink: %s\n", strerror(errno));
	forget();
}

static void do_keys(void)
{
	long ring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1);
	(void)ring;
	for (int i = 0; i < 20; i++) {
		char name[32];
		snprintf(name, sizeof name, "key%d", i);
		long id = syscall(SYS_add_key, "user", name, text(i & 1 ? "keyin" : "keyfr", 320), 320, KEY_SPEC_SESSION_KEYRING);
		if (id < 0)
			say("add_key: %s\n", strerror(errno));
		else if (!(i & 1))
			syscall(SYS_keyctl, KEYCTL_INVALIDATE, id);
	}
	forget();
}

/* ---- page cache, pipes, shared memory ---- */

static void do_pages(void)
{
	char *page = map(PAGE);
	int fd = open("/t/file", O_CREAT | O_RDWR, 0600), pipes[2];
	for (int i = 0; i < 64; i++) {
		fill(page, PAGE, "tmpfs");
		if (write(fd, page, PAGE) != PAGE)
			break;
	}
	if (pipe2(pipes, O_NONBLOCK) == 0)
		for (int i = 0; i < 8; i++) {
			fill(page, PAGE, "pipe0");
			if (write(pipes[1], page, PAGE) != PAGE)
				break;
		}
	memset(page, 0, PAGE);
	char *anon = map(64 * PAGE);
	fill(anon, 64 * PAGE, "anon0");
	int id = shmget(IPC_PRIVATE, 16 * PAGE, IPC_CREAT | 0600);
	char *shared = shmat(id, NULL, 0);
	if (shared != (char *)-1)
		fill(shared, 16 * PAGE, "shmem");
}

/* ---- sockets ---- */

static void do_sockets(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0)
		for (int i = 0; i < 6; i++)
			if (send(pair[0], text("unixd", 160 << (i % 4)), 160 << (i % 4), MSG_DONTWAIT) < 0)
				break;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && send(pair[0], text("unixs", 20000), 20000, MSG_DONTWAIT) < 0)
		say("unix stream: %s\n", strerror(errno));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	ioctl(fd, SIOCSIFFLAGS, &up);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int rx = socket(AF_INET, SOCK_DGRAM, 0);
	bind(rx, (struct sockaddr *)&to, sizeof to);
	for (int i = 0; i < 8; i++)
		if (sendto(fd, text("udp00", 100 << (i % 5)), 100 << (i % 5), 0, (struct sockaddr *)&to, sizeof to) < 0)
			say("udp: %s\n", strerror(errno));
	forget();
}

/* AF_VSOCK over the loopback transport: what was sent and not yet read */
static void do_vsock(void)
{
	int server = socket(AF_VSOCK, SOCK_STREAM, 0), client = socket(AF_VSOCK, SOCK_STREAM, 0);
	struct sockaddr_vm at = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = 4242 };
	if (server < 0 || bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 4)) {
		say("vsock: %s\n", strerror(errno));
		return;
	}
	at.svm_cid = 1;
	if (connect(client, (struct sockaddr *)&at, sizeof at)) {
		say("vsock connect: %s\n", strerror(errno));
		return;
	}
	if (accept(server, NULL, NULL) < 0)
		say("vsock accept: %s\n", strerror(errno));
	for (int i = 0; i < 6; i++)
		if (send(client, text("vsock", 200 << i), 200 << i, MSG_DONTWAIT) < 0)
			say("vsock send: %s\n", strerror(errno));
	forget();
}

/* ---- terminals ---- */

static void do_tty(void)
{
	int master, slave;
	if (openpty(&master, &slave, NULL, NULL, NULL))
		return;
	struct termios raw;
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	if (write(master, text("ttyin", 640), 640) < 0 || write(slave, text("ttyou", 640), 640) < 0)
		say("pty: %s\n", strerror(errno));
	forget();
}

/* what was typed at a terminal whose process is audited (pam_tty_audit) */
static void audited_reader(void)
{
	int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
	struct { struct nlmsghdr h; struct audit_tty_status s; } m = {
		{ sizeof m, AUDIT_TTY_SET, NLM_F_REQUEST, 1, 0 }, { 1, 1 } };
	if (send(nl, &m, sizeof m, 0) < 0)
		say("audit: %s\n", strerror(errno));
	int master, slave;
	char line[1024];
	if (openpty(&master, &slave, NULL, NULL, NULL))
		return;
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	struct termios t;
	tcgetattr(slave, &t);
	t.c_lflag |= ICANON;
	t.c_lflag &= ~ECHO;
	tcsetattr(slave, TCSANOW, &t);
	char *typed = text("ttyau", 480);
	typed[480] = '\n';
	if (write(master, typed, 481) < 0 || read(slave, line, sizeof line) < 0)
		say("audited tty: %s\n", strerror(errno));
	memset(line, 0, sizeof line);
	forget();
	sleep_for_ever();
}

static void do_audit(void)
{
	child(audited_reader);
}

/* the screen of a virtual console, and its unicode copy */
static void do_screen(void)
{
	mknod("/t/tty3", S_IFCHR | 0600, makedev(4, 3));
	mknod("/t/vcsu3", S_IFCHR | 0600, makedev(7, 67));
	int fd = open("/t/tty3", O_RDWR | O_NOCTTY);
	if (fd < 0) {
		say("tty3: %s\n", strerror(errno));
		return;
	}
	if (write(fd, "\033%G", 3) < 0 || write(fd, text("scrun", 80 * 10), 80 * 10) < 0)
		say("tty3: %s\n", strerror(errno));
	int vcs = open("/t/vcsu3", O_RDONLY);
	char some[256];
	if (vcs >= 0 && read(vcs, some, sizeof some) > 0)
		memset(some, 0, sizeof some);
	forget();
}

/* a virtio-serial port: what came from the host and was not read, and what the host does not take */
static void do_vport(void)
{
	int fd = open("/dev/vport0p1", O_RDWR | O_NONBLOCK);
	if (fd < 0) {
		char path[64];
		for (int i = 0; i < 4 && fd < 0; i++) {
			snprintf(path, sizeof path, "/dev/vport%dp1", i);
			fd = open(path, O_RDWR | O_NONBLOCK);
		}
	}
	if (fd < 0) {
		say("vport: %s\n", strerror(errno));
		return;
	}
	for (int i = 0; i < 3; i++)
		if (write(fd, text("vpout", 2000), 2000) < 0)
			break;
	forget();
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	poll(&wait, 1, 5000);
}

/* ---- BPF maps ---- */

static int map_of(enum bpf_map_type type, unsigned key, unsigned value, unsigned entries, unsigned flags)
{
	union bpf_attr attr = { .map_type = type, .key_size = key, .value_size = value, .max_entries = entries, .map_flags = flags };
	int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
	if (fd < 0)
		say("bpf map type %d: %s\n", type, strerror(errno));
	return fd;
}

static void map_set(int fd, const void *key, const void *value)
{
	union bpf_attr attr = { .map_fd = fd, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = BPF_ANY };
	if (fd >= 0 && syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof attr))
		say("bpf update: %s\n", strerror(errno));
}

static void do_bpf(void)
{
	static char value[64 * 512], key[64];
	struct { enum bpf_map_type type; unsigned key, value, entries, flags; const char *mark; } maps[] = {
		{ BPF_MAP_TYPE_ARRAY, 4, 320, 4, 0, "bpfar" },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 320, 4, 0, "bpfpa" },
		{ BPF_MAP_TYPE_HASH, 32, 160, 8, 0, "bpfha" },
		{ BPF_MAP_TYPE_HASH, 32, 160, 8, BPF_F_NO_PREALLOC, "bpfhn" },
		{ BPF_MAP_TYPE_PERCPU_HASH, 32, 160, 8, 0, "bpfph" },
		{ BPF_MAP_TYPE_PERCPU_HASH, 32, 160, 8, BPF_F_NO_PREALLOC, "bpfpn" },
		{ BPF_MAP_TYPE_LRU_HASH, 32, 160, 8, 0, "bpflr" },
		{ BPF_MAP_TYPE_LPM_TRIE, 36, 160, 8, BPF_F_NO_PREALLOC, "bpflp" },
		{ BPF_MAP_TYPE_QUEUE, 0, 160, 8, 0, "bpfqu" },
	};
	for (unsigned i = 0; i < sizeof maps / sizeof *maps; i++) {
		int fd = map_of(maps[i].type, maps[i].key, maps[i].value, maps[i].entries, maps[i].flags);
		for (unsigned k = 0; k < 4; k++) {
			memset(key, 0, sizeof key);
			if (maps[i].key == 4)
				memcpy(key, &k, 4);
			else if (maps[i].key == 36) {
				unsigned bits = 256;
				memcpy(key, &bits, 4);
				fill(key + 4, 32, maps[i].mark);
			} else
				fill(key, 32, maps[i].mark);
			fill(value, sizeof value, maps[i].mark);
			map_set(fd, maps[i].key ? key : NULL, value);
		}
	}
	memset(value, 0, sizeof value);
	memset(key, 0, sizeof key);
}

/* ---- compressed swap ---- */

static void do_zram(void)
{
	if (access("/sys/block/zram0/disksize", W_OK)) {
		say("no zram\n");
		return;
	}
	if (put("/sys/block/zram0/disksize", "16777216"))
		return;
	int fd = open("/dev/zram0", O_RDWR | O_DIRECT);
	char *page = map(PAGE);
	/* what compresses well, what does so badly, and what does not */
	for (int i = 0; i < 64; i++) {
		fill(page, PAGE, "zram0");
		for (int k = 0; i % 3 && k < PAGE; k += i % 3 == 1 ? 32 : 16)
			for (int j = 0; j < 16 && k + 16 + j < PAGE && (i % 3 == 1); j++)
				page[k + 16 + j] = rand();
		if (pwrite(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
			say("zram: %s\n", strerror(errno));
	}
	for (int i = 0; i < 64; i++)
		if (pread(fd, page, PAGE, (off_t)i * PAGE) < 0)
			break;
	munmap(page, PAGE);
	close(fd);
}

/* ---- persistent memory: a file system on it, or the bare device ---- */

static void do_pmem(void)
{
	char *page = map(PAGE);
	int fd = open("/dev/pmem0", O_RDWR | O_DIRECT);
	if (fd < 0) {
		say("pmem: %s\n", strerror(errno));
		return;
	}
	for (int i = 0; i < 256; i++) {
		fill(page, PAGE, "pmem0");
		if (pwrite(fd, page, PAGE, (off_t)(i + 1024) * PAGE) != PAGE)
			break;
	}
	munmap(page, PAGE);
	fsync(fd);
	close(fd);
}

/* ---- registers: a busy CPU, and a process whose core is being written ---- */

#if defined __x86_64__
/* marks in the general registers, for ever */
static void spin(const char *kind)
{
	uint64_t r[4] = { 0 };
	mark_cell((char *)r, kind, serial++);
	mark_cell((char *)(r + 2), kind, serial++);
	/* r15, r14, r13, r12, rbx: neighbours in struct pt_regs from the lowest address on */
	__asm__ volatile("mov %0, %%r15\n mov %1, %%r14\n mov %2, %%r13\n mov %3, %%r12\n"
			 "1: pause\n jmp 1b\n" : : "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
			 : "r15", "r14", "r13", "r12", "memory");
}
#else
static void spin(const char *kind)
{
	(void)kind;
	for (;;)
		;
}
#endif

static void busy(void)
{
	spin("rbusy");
}

static void dump_core(void)
{
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_CORE, &core);
	fill(map(1 << 20), 1 << 20, "cmem0");
	spin("rcore");
}

/* a core dump into a program that does not read it */
static void do_core(void)
{
	int fd = open("/t/sink", O_CREAT | O_WRONLY, 0700);
	const char *script = "#!/bin/busybox sh\n/bin/busybox sleep 100000\n";
	if (fd < 0 || write(fd, script, strlen(script)) < 0)
		return;
	close(fd);
	put("/proc/sys/kernel/core_pattern", "|/t/sink");
	pid_t pid = child(dump_core);
	sleep(2);
	if (pid > 0 && kill(pid, SIGQUIT) == 0)
		sleep(2);
}

static void do_busy(void)
{
	child(busy);
}

/* ---- a large net_device ---- */

static void do_tun(void)
{
	mknod("/t/tun", S_IFCHR | 0600, makedev(10, 200));
	int fd = open("/t/tun", O_RDWR);
	struct ifreq r = { .ifr_name = "marktun", .ifr_flags = IFF_TUN | IFF_NO_PI };
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		say("tun: %s\n", strerror(errno));
}

/* ---- registers at the entry, copies under way, names: what the documents declare ---- */

static void blocked_open(void)
{
	char path[3000] = "/t/fifo";
	mkfifo(path, 0600);
	char *more = text("pathn", 2400);
	(void)more;
	memset(path, 0, sizeof path);
	strcpy(path, "/t/");
	for (int i = 0; i < 100; i++)
		strcat(path, "././././././././././");
	strcat(path, "fifo");
	open(path, O_RDONLY);
}

static void do_path(void)
{
	child(blocked_open);
}

static void do_xattr(void)
{
	int fd = open("/t/xattr", O_CREAT | O_RDWR, 0600);
	if (fd < 0 || fsetxattr(fd, "trusted.mark", text("xattr", 320), 320, 0))
		say("xattr: %s\n", strerror(errno));
	forget();
}

#include "marks-names.h"
#include "marks-network.h"
#include "marks-calls.h"
#include "marks-held.h"
#include "marks-more.h"
#include "marks-further.h"
#include "marks-flight.h"
#include "marks-hidden.h"
#include "marks-late.h"
#include "marks-last.h"
#include "marks-newest.h"

static const struct { const char *name; void (*run)(void); } all[] = {
	{ "ended", do_ended }, { "messages", do_messages }, { "names", do_names }, { "keys", do_keys }, { "pages", do_pages },
	{ "sockets", do_sockets }, { "vsock", do_vsock }, { "tty", do_tty }, { "audit", do_audit }, { "screen", do_screen },
	{ "vport", do_vport }, { "bpf", do_bpf }, { "zram", do_zram }, { "pmem", do_pmem }, { "tun", do_tun },
	{ "path", do_path }, { "xattr", do_xattr }, { "core", do_core }, { "busy", do_busy },
}, apart[] = {
	{ "entries", do_entries }, { "disk", do_disk }, { "inotify", do_inotify }, { "memfd", do_memfd }, { "mounts", do_mounts },
	{ "titles", do_titles }, { "traces", do_traces }, { "host", do_host }, { "console", do_console }, { "devices", do_devices },
	{ "tcp", do_tcp }, { "tls", do_tls }, { "addresses", do_addresses }, { "captures", do_captures }, { "tunnels", do_tunnels },
	{ "wireguard", do_wireguard }, { "xfrm", do_xfrm }, { "rules", do_rules }, { "ciphers", do_ciphers }, { "splices", do_splices },
	{ "fuse", do_fuse }, { "blocked", do_blocked }, { "rings", do_rings }, { "perf", do_perf }, { "signals", do_signals },
	{ "registers", do_registers }, { "morekeys", do_more_keys }, { "swap", do_swap }, { "moremaps", do_more_maps },
	{ "kept", do_kept }, { "kexec", do_kexec }, { "stacks", do_stacks }, { "storage", do_storage }, { "mapkeys", do_map_keys },
	{ "asked", do_asked }, { "passwords", do_passwords }, { "secrets", do_secrets }, { "audited", do_audited }, { "actions", do_actions },
	{ "ipv6", do_ipv6 }, { "hid", do_hid }, { "autofs", do_autofs }, { "disks", do_disks }, { "protocols", do_protocols },
	{ "ancillary", do_ancillary }, { "filters", do_filters }, { "numbers", do_numbers }, { "ttyprintk", do_ttyprintk }, { "guest", do_guest },
	{ "readers", do_readers }, { "probes", do_probes }, { "zswap", do_zswap }, { "nine", do_nine }, { "nfs", do_nfs }, { "nbd", do_nbd },
	{ "chains", do_chains }, { "can", do_can }, { "lines", do_lines }, { "sound", do_sound }, { "bluetooth", do_bluetooth },
	{ "morerings", do_more_rings }, { "memory", do_memory }, { "texts", do_texts }, { "netconsole", do_netconsole }, { "calls", do_calls },
	{ "squashfs", do_squashfs }, { "paired", do_paired }, { "wireless", do_wireless }, { "frames", do_frames }, { "long", do_long }, { "bounce", do_bounce },
	{ "flight", do_flight }, { "returned", do_returned }, { "usb", do_usb }, { "hypervisor", do_hypervisor }, { "tpm", do_tpm },
	{ "firstpackets", do_first_packets }, { "proctitle", do_proctitle }, { "spoken", do_spoken }, { "printing", do_printing },
	{ "heldpackets", do_held_packets }, { "queuedpackets", do_queued_packets }, { "moresettings", do_more_settings }, { "drawn", do_drawn },
	{ "flash", do_flash }, { "beginning", do_beginning }, { "interrupts", do_interrupts },
	{ "steps", do_steps }, { "fields", do_fields }, { "mountdata", do_mount_data }, { "script", do_script }, { "lastwords", do_last_words },
	{ "small", do_small }, { "printer", do_printer }, { "management", do_management }, { "soundwords", do_sound_words },
	{ "vectors", do_vectors }, { "streams", do_streams }, { "histogram", do_histogram }, { "earlier", do_earlier }, { "openvpn", do_openvpn },
	{ "chosen", do_chosen }, { "keyboard", do_keyboard }, { "moreciphers", do_more_ciphers }, { "ownkey", do_own_key }, { "morerules", do_more_rules },
	{ "groupstorage", do_group_storage }, { "copiednames", do_copied_names }, { "larger", do_larger }, { "codepages", do_code_pages }, { "description", do_description },
	{ "falsestacks", do_false_stacks }, { "privatekey", do_private_key },
};

/* what the C library's copies left in vector registers would count as this process's own */
static void clear_vectors(void)
{
#if defined __x86_64__
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
#elif defined __aarch64__
	__asm__ volatile("movi v0.16b, #0\n movi v1.16b, #0\n movi v2.16b, #0\n movi v3.16b, #0\n movi v4.16b, #0\n movi v5.16b, #0\n"
			 "movi v6.16b, #0\n movi v7.16b, #0\n" : : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7");
#endif
}

/* a process that does it and stays; one that takes too long is left behind */
static void run_apart(const char *name, void (*run)(void))
{
	int done[2];
	if (pipe(done))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		run();
		if (write(done[1], "x", 1) < 0)
			_exit(1);
		clear_vectors();
		sleep_for_ever();
	}
	close(done[1]);
	struct pollfd wait = { .fd = done[0], .events = POLLIN };
	char b;
	if (poll(&wait, 1, 30000) != 1 || read(done[0], &b, 1) != 1)
		say("%s: not done\n", name);
	close(done[0]);
}

static int wanted(const char *spec, const char *name)
{
	if (strncmp(spec, "only:", 5))
		return 1;
	char look[64], list[512];
	snprintf(look, sizeof look, ":%s:", name);
	snprintf(list, sizeof list, "%s:", spec + 4);
	return strstr(list, look) != NULL;
}

int main(int argc, char **argv)
{
	const char *spec = argc > 1 ? argv[1] : "";
	signal(SIGCHLD, SIG_DFL);
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (wanted(spec, all[i].name))
			all[i].run();
	disk = argc > 3 && argv[3][0] ? argv[3] : disk;
	for (unsigned i = 0; i < sizeof apart / sizeof *apart; i++)
		if (wanted(spec, apart[i].name))
			run_apart(apart[i].name, apart[i].run);
	clear_vectors();
	/* waits for ever on 7.2 for a disk whose server does not answer */
	run_apart("sync", sync);
	if (wanted(spec, "endedtasks"))
		leave_stacks();
	say("READY marks\n");
	for (;;) {
		char b[32];
		ssize_t r = read(0, b, sizeof b - 1);
		if (r <= 0)
			sleep(1000);
		else if (!strncmp(b, "crash", 5))
			put("/proc/sysrq-trigger", "c");
	}
}
