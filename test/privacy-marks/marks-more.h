/* SPDX-License-Identifier: Apache-2.0 */
/* marks-more.h - readers of traces, buffers of protocols and file systems of the network, of line disciplines, sound, CAN and Bluetooth,
 * compressed swap, keys that lead to others, and what else a full kernel has. Part of marks.c. */

static void put_node(const char *path, int major, int minor)
{
	mknod(path, S_IFCHR | 0600, makedev(major, minor));
}

/* the number of a misc or char device by its entry in sysfs; a node for it */
static int node_of(const char *dev, const char *path)
{
	int major, minor;
	FILE *f = fopen(dev, "r");
	if (!f || fscanf(f, "%d:%d", &major, &minor) != 2)
		return say("%s: %s\n", dev, strerror(errno)), -1;
	fclose(f);
	put_node(path, major, minor);
	return open(path, O_RDWR | O_NONBLOCK);
}

/* ---- traces: what a reader took from the ring and did not read yet, a snapshot, text that a probe fetched, events of programs ---- */

static void do_readers(void)
{
	char line[512], some[40];
	mkdir("/t/tr3", 0700);
	if (mount("none", "/t/tr3", "tracefs", 0, NULL))
		say("tracefs: %s\n", strerror(errno));
	mkdir("/t/tr3/instances/readers", 0700);
	int pipe_fd = open("/t/tr3/instances/readers/trace_pipe", O_RDONLY | O_NONBLOCK);
	for (int i = 0; i < 20; i++)
		put("/t/tr3/instances/readers/trace_marker", text("trpip", 160));
	if (read(pipe_fd, some, sizeof some) < 0)
		say("trace_pipe: %s\n", strerror(errno));
	int raw = open("/t/tr3/instances/readers/per_cpu/cpu0/trace_pipe_raw", O_RDONLY | O_NONBLOCK);
	if (read(raw, some, sizeof some) < 0 && errno != EAGAIN)
		say("trace_pipe_raw: %s\n", strerror(errno));
	put("/t/tr3/instances/readers/snapshot", "1");
	int data = open("/t/tr3/user_events_data", O_RDWR);
	struct __attribute__((packed)) { unsigned size; unsigned char bit, bytes; unsigned short flags; uint64_t enabled, name; unsigned index; } reg = { 0 };
	static int enabled;
	snprintf(line, sizeof line, "marks_event char[320] body");
	reg.size = sizeof reg, reg.bytes = 4, reg.enabled = (uintptr_t)&enabled, reg.name = (uintptr_t)line;
	if (data < 0 || ioctl(data, _IOWR('*', 0, char *), &reg))
		say("user_events: %s\n", strerror(errno));
	else {
		put("/t/tr3/events/user_events/marks_event/enable", "1");
		char *body = text("uevdt", 320);
		struct iovec pieces[2] = { { &reg.index, 4 }, { body, 320 } };
		if (writev(data, pieces, 2) < 0)
			say("user_events: %s\n", strerror(errno));
	}
	memset(some, 0, sizeof some);
	forget();
}

/* a probe in this program that fetches a text; samples of a program's stack */
__attribute__((noinline)) static void probed(const char *what)
{
	__asm__ volatile("" : : "r"(what) : "memory");
}

static void do_probes(void)
{
	extern char __executable_start;
	char line[256];
	snprintf(line, sizeof line, "p:mk/fetch /workload:0x%lx told=+0(%%di):string\n", (unsigned long)((char *)probed - &__executable_start));
	mkdir("/t/tr3", 0700);
	mount("none", "/t/tr3", "tracefs", 0, NULL);
	put("/t/tr3/uprobe_events", line);
	put("/t/tr3/events/mk/fetch/enable", "1");
	for (int i = 0; i < 8; i++)
		probed(text("uprst", 480));
	forget();
	char stack[2048];
	struct perf_event_attr a = { .type = 1, .size = sizeof a, .config = 0, .sample_type = 1 << 12 | 1 << 13, .sample_period = 100000,
				     .sample_stack_user = 4096, .sample_regs_user = 0xff, .exclude_kernel = 1 };
	int fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
	if (fd < 0 || mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
		say("perf samples: %s\n", strerror(errno));
	fill(stack, sizeof stack, "perfs");
	for (volatile long i = 0; i < 20000000; i++)
		;
	memset(stack, 0, sizeof stack);
	__asm__ volatile("" : : "r"(stack) : "memory");
}

/* ---- swap that is compressed before it goes: one page of each CPU is left where it was compressed ---- */

static void do_zswap(void)
{
	if (put("/sys/module/zswap/parameters/enabled", "1"))
		return;
	int fd = open("/t/swapfile-disk", O_CREAT | O_RDWR, 0600);
	static char page[PAGE];
	*(unsigned *)(page + 1024) = 1;
	*(unsigned *)(page + 1028) = 1023;
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	int control = open("/dev/loop-control", O_RDWR), number = ioctl(control, LOOP_CTL_GET_FREE);
	char path[32];
	snprintf(path, sizeof path, "/dev/loop%d", number);
	int loop = open(path, O_RDWR);
	if (ftruncate(fd, 1024 * PAGE) || pwrite(fd, page, PAGE, 0) != PAGE || ioctl(loop, LOOP_SET_FD, fd) || syscall(SYS_swapon, path, 0xffff)) {
		say("zswap: %s\n", strerror(errno));
		return;
	}
	char *memory = map(256 * PAGE);
	for (int i = 0; i < 256; i++)
		for (int k = 0; k < PAGE; k += 64) {
			fill(memory + i * PAGE + k, 32, "zswpd");
			for (int j = 32; j < 64; j++)
				memory[i * PAGE + k + j] = rand();
		}
	madvise(memory, 256 * PAGE, 21 /* PAGEOUT */);
}

/* ---- file systems of the network whose server does not answer ---- */

static int server_fd;

static void nine_write(void)
{
	int fd = open("/t/9p/file", O_WRONLY);
	static char b[8000];
	fill(b, sizeof b, "9pwri");
	if (fd < 0 || write(fd, b, sizeof b) < 0)
		say("9p write: %s\n", strerror(errno));
}

static void nine_name(void)
{
	char path[128];
	snprintf(path, sizeof path, "/t/9p/%s", text("9pnam", 96));
	open(path, O_RDONLY);
}

/* answers what a mount, a walk, an open and a stat ask for; never a write */
static void nine_server(void)
{
	unsigned char b[16384];
	for (;;) {
		int n = read(server_fd, b, 4), length = *(int *)b;
		while (n > 0 && n < length) {
			int more = read(server_fd, b + n, length - n);
			n = more > 0 ? n + more : -1;
		}
		if (n <= 0)
			return;
		unsigned char r[256] = { 0 };
		int size = 7;
		r[4] = b[4] + 1;
		memcpy(r + 5, b + 5, 2);
		if (b[4] == 100) /* Tversion */
			memcpy(r + 7, b + 7, 4), memcpy(r + 11, "\x08\0009P2000.L", 10), size = 21;
		else if (b[4] == 104) /* Tattach */
			r[7] = 0x80, r[19] = 1, size = 20;
		else if (b[4] == 110) { /* Twalk */
			int names = b[15];
			if (names && b[19] == '~')
				continue;
			r[7] = names, size = 9 + 13 * names;
			if (names)
				r[9] = 0, r[14] = 2;
		} else if (b[4] == 12) /* Tlopen */
			size = 7 + 13 + 4;
		else if (b[4] == 24) { /* Tgetattr */
			unsigned root = b[7] == 0;
			*(uint64_t *)(r + 7) = 0x7ff;
			r[15] = root ? 0x80 : 0, r[20] = root ? 1 : 2;
			*(unsigned *)(r + 28) = root ? 040755 : 0100666;
			r[40] = 1;
			size = 7 + 153;
		} else if (b[4] == 118) /* Twrite */
			continue;
		else if (b[4] != 120 && b[4] != 26 && b[4] != 50) /* Tclunk, Tsetattr, Tfsync */
			r[4] = 7, r[7] = 95, size = 11;
		memcpy(r, &size, 4);
		if (write(server_fd, r, size) < 0)
			return;
	}
}

static void do_nine(void)
{
	int ends[2];
	char options[128];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return;
	server_fd = ends[1];
	child(nine_server);
	mkdir("/t/9p", 0700);
	snprintf(options, sizeof options, "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,cache=none,msize=16384", ends[0], ends[0]);
	if (mount("marks", "/t/9p", "9p", 0, options)) {
		say("9p: %s\n", strerror(errno));
		return;
	}
	child(nine_write);
	child(nine_name);
	usleep(300000);
}

static void nfs_mount(void)
{
	struct sockaddr_in at = local(4950);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener, (void *)&at, sizeof at);
	listen(listener, 4);
	mkdir("/t/nfs", 0700);
	char source[256];
	snprintf(source, sizeof source, "127.0.0.1:/%s", text("nfspt", 160));
	if (mount(source, "/t/nfs", "nfs", 0, "vers=3,proto=tcp,port=4950,mountproto=tcp,mountport=4950,mountvers=3,addr=127.0.0.1,mountaddr=127.0.0.1,nolock"))
		say("nfs: %s\n", strerror(errno));
}

static void do_nfs(void)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &up);
	child(nfs_mount);
	usleep(300000);
	char line[256];
	snprintf(line, sizeof line, "nfsd 127.0.0.9 2000000000 %s\n", text("rpcca", 64));
	put("/proc/net/rpc/auth.unix.ip/channel", line);
	memset(line, 0, sizeof line);
	forget();
}

/* a server of blocks that takes requests and does not answer */
static void nbd_serve(void)
{
	ioctl(server_fd, 0xab03 /* NBD_DO_IT */);
}

static void nbd_write(void)
{
	int fd = open("/dev/nbd0", O_WRONLY | O_DIRECT);
	char *page = map(PAGE);
	fill(page, PAGE, "nbddt");
	if (write(fd, page, PAGE) < 0)
		say("nbd write: %s\n", strerror(errno));
}

static void do_nbd(void)
{
	int ends[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	server_fd = open("/dev/nbd0", O_RDWR);
	if (server_fd < 0 || ioctl(server_fd, 0xab02 /* SET_SIZE */, 1 << 20) || ioctl(server_fd, 0xab00 /* SET_SOCK */, ends[0])) {
		say("nbd: %s\n", strerror(errno));
		return;
	}
	child(nbd_serve);
	usleep(200000);
	child(nbd_write);
}

/* ---- keys that lead to others; keys of protocols ---- */

static void do_chains(void)
{
	long ring = KEY_SPEC_PROCESS_KEYRING;
	struct { unsigned version; unsigned short security, length; unsigned expiry, kvno; char key[8], ticket[320]; } kerberos = { 1, 2, 320, 0x7fffffff, 1, { 1 }, { 0 } };
	fill(kerberos.ticket, 320, "rxkey");
	if (syscall(SYS_add_key, "rxrpc", "marks-ticket", &kerberos, sizeof kerberos, ring) < 0)
		say("rxrpc key: %s\n", strerror(errno));
	struct __attribute__((packed)) { unsigned short type; char created[8]; unsigned short length; char key[16]; } ceph = { 1, { 0 }, 16, { 0 } };
	fill(ceph.key, 16, "cephk");
	if (syscall(SYS_add_key, "ceph", "marks-ceph", &ceph, sizeof ceph, ring) < 0)
		say("ceph key: %s\n", strerror(errno));
	struct { unsigned type, reserved; char raw[64]; } provisioned = { 1, 0, { 0 } };
	fill(provisioned.raw, 64, "fsprv");
	if (syscall(SYS_add_key, "fscrypt-provisioning", "marks-fs", &provisioned, sizeof provisioned, ring) < 0)
		say("fscrypt-provisioning: %s\n", strerror(errno));
	char answer[200] = { 0 };
	fill(answer, 192, "dnsrk");
	if (syscall(SYS_add_key, "dns_resolver", "marks.example", answer, 193, ring) < 0)
		say("dns key: %s\n", strerror(errno));
	memset(&kerberos, 0, sizeof kerberos);
	memset(&ceph, 0, sizeof ceph);
	memset(&provisioned, 0, sizeof provisioned);
	memset(answer, 0, sizeof answer);
	/* a secured link: its key */
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), generic, error;
	struct ifinfomsg link = { 0 };
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "mdum", 5);
	struct nlattr *info = ask_add(18, NULL, 0);
	ask_add(1, "dummy", 6);
	ask_end(info);
	if ((error = ask_send(route)))
		say("dummy: %s\n", strerror(error));
	unsigned under = if_nametoindex("mdum");
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "msec", 5);
	ask_add(5, &under, 4);
	info = ask_add(18, NULL, 0);
	ask_add(1, "macsec", 7);
	ask_end(info);
	if ((error = ask_send(route)))
		say("macsec: %s\n", strerror(error));
	unsigned self = if_nametoindex("msec");
	struct { unsigned char command, version; unsigned short reserved; } g = { 4 /* ADD_TXSA */, 1, 0 };
	int family = generic_family("macsec");
	unsigned char number = 0, on = 1;
	unsigned packet = 1;
	ask_begin(family, 0, &g, sizeof g);
	ask_add(1, &self, 4);
	struct nlattr *sa = ask_add(3, NULL, 0);
	ask_add(1, &number, 1);
	ask_add(2, &on, 1);
	ask_add(3, &packet, 4);
	ask_add(5, "0123456789abcdef", 16);
	ask_add(4, text("macsk", 16), 16);
	ask_end(sa);
	generic = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (family < 0 || (error = ask_send(generic)))
		say("macsec key: %s\n", strerror(error));
	/* a further name of a link */
	ask_begin(108 /* RTM_NEWLINKPROP */, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, &(struct ifinfomsg){ .ifi_index = (int)under }, sizeof link);
	struct nlattr *properties = ask_add(52, NULL, 0);
	ask_add(53, text("altnm", 96), 97);
	ask_end(properties);
	if ((error = ask_send(route)))
		say("further name: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	forget();
}

/* ---- CAN: a message of many frames on its way, frames that are sent again and again, frames not read ---- */

static void do_can(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), error;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "mcan", 5);
	struct nlattr *info = ask_add(18, NULL, 0);
	ask_add(1, "vcan", 5);
	ask_end(info);
	if ((error = ask_send(route)))
		say("vcan: %s\n", strerror(error));
	struct { unsigned short family; int ifindex; unsigned rx, tx; char rest[8]; } at = { 29, (int)if_nametoindex("mcan"), 0x123, 0x321, { 0 } };
	int iso = socket(29, SOCK_DGRAM, 6);
	if (iso < 0 || bind(iso, (void *)&at, sizeof at) || fcntl(iso, F_SETFL, O_NONBLOCK) || write(iso, text("canis", 3200), 3200) < 0)
		say("can-isotp: %s\n", strerror(errno));
	int raw = socket(29, SOCK_RAW, 1), fd_frames = 1;
	at.rx = at.tx = 0;
	struct { unsigned id; unsigned char length, flags, r0, r1; char data[64]; } frame = { 0x55, 64, 0, 0, 0, { 0 } };
	fill(frame.data, 64, "canrw");
	put("/sys/class/net/mcan/mtu", "72");
	int other = socket(29, SOCK_RAW, 1);
	if (setsockopt(raw, 101, 5, &fd_frames, 4) || setsockopt(other, 101, 5, &fd_frames, 4) || bind(raw, (void *)&at, sizeof at) ||
	    bind(other, (void *)&at, sizeof at) || write(raw, &frame, sizeof frame) < 0)
		say("can: %s\n", strerror(errno));
	struct { unsigned opcode, flags, count, pad; struct timeval first, then; unsigned id, frames; struct { unsigned id; unsigned char length, flags, r0, r1; char data[64]; } f[4]; } again =
		{ 1, 0x803, 0, 0, { 0, 0 }, { 100, 0 }, 0x77, 4, { { 0 } } };
	for (int i = 0; i < 4; i++) {
		again.f[i].length = 64;
		fill(again.f[i].data, 64, "canbc");
	}
	int bcm = socket(29, SOCK_DGRAM, 2);
	if (bcm < 0 || connect(bcm, (void *)&at, sizeof at) || write(bcm, &again, sizeof again) < 0)
		say("can-bcm: %s\n", strerror(errno));
	memset(&again, 0, sizeof again);
	memset(&frame, 0, sizeof frame);
	forget();
}

/* ---- line disciplines of serial lines ---- */

static void line_of(int discipline, const char *kind, int up)
{
	int master, slave;
	if (openpty(&master, &slave, NULL, NULL, NULL))
		return;
	struct termios raw;
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	if (ioctl(slave, TIOCSETD, &discipline)) {
		say("line discipline %d: %s\n", discipline, strerror(errno));
		return;
	}
	char name[32] = { 0 };
	if (up && ioctl(slave, SIOCGIFNAME, name) == 0) {
		struct ifreq r = { .ifr_flags = IFF_UP | IFF_RUNNING };
		strcpy(r.ifr_name, name);
		ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &r);
	}
	char head[4] = { 0x7e, (char)0xff, 0x03, 0x21 };
	if (discipline == 3 && write(master, head, 4) < 0)
		say("ppp: %s\n", strerror(errno));
	if (write(master, text(kind, 256), 256) < 0)
		say("line discipline %d: %s\n", discipline, strerror(errno));
	usleep(100000);
	forget();
}

static void do_lines(void)
{
	line_of(1 /* SLIP */, "slipb", 1);
	line_of(13 /* HDLC */, "hdlcb", 0);
	line_of(3 /* PPP */, "pppas", 0);
}

/* ---- sound: what was played and not yet heard, notes with text, names of controls ---- */

static void do_sound(void)
{
	int control = node_of("/sys/class/sound/controlC0/dev", "/t/snd-control");
	int notes = node_of("/sys/class/sound/midiC0D0/dev", "/t/snd-midi");
	if (notes < 0)
		notes = node_of("/sys/class/sound/midiC1D0/dev", "/t/snd-midi");
	char system_exclusive[600];
	memset(system_exclusive, 0, sizeof system_exclusive);
	system_exclusive[0] = (char)0xf0;
	fill(system_exclusive + 1, 576, "sndmd");
	if (write(notes, system_exclusive, 577) < 0)
		say("midi: %s\n", strerror(errno));
	memset(system_exclusive, 0, sizeof system_exclusive);
	/* struct snd_ctl_elem_info: id (numid, iface, device, subdevice, name[44], index), type, access, count, owner, value, dimension */
	unsigned char info[272] = { 0 };
	*(unsigned *)(info + 4) = 2;
	fill(info + 16, 32, "sndct");
	*(int *)(info + 64) = 4 /* BYTES */;
	*(unsigned *)(info + 68) = 3 /* read, write */ | 1 << 12;
	*(unsigned *)(info + 72) = 64;
	if (control < 0 || ioctl(control, _IOC(3, 'U', 0x17, sizeof info), info))
		say("control: %s\n", strerror(errno));
	memset(info, 0, sizeof info);
	int seq = node_of("/sys/class/sound/seq/dev", "/t/snd-seq"), client = -1;
	if (seq < 0 || ioctl(seq, _IOR('S', 1, int), &client)) {
		say("sequencer: %s\n", strerror(errno));
		return;
	}
	static unsigned char port[168];
	port[0] = (unsigned char)client;
	memcpy(port + 2, "marks", 5);
	*(unsigned *)(port + 68) = 3 | 1 << 5 | 1 << 6;
	ioctl(seq, _IOC(3, 'S', 0x20, sizeof port), port);
	/* an event of variable length to itself: a head of 28 bytes, with the length at 16, the text behind it */
	unsigned char event[28 + 480] = { 130, 1 << 2, 0, 253, 0, 0, 0, 0, 0, 0, 0, 0, (unsigned char)client, 0, (unsigned char)client, 0 };
	*(unsigned *)(event + 16) = 480;
	fill(event + 28, 480, "sndsq");
	if (write(seq, event, sizeof event) < 0)
		say("sequencer event: %s\n", strerror(errno));
	memset(event, 0, sizeof event);
}

/* ---- Bluetooth: a controller that a program plays, and what it said to another program ---- */

static void do_bluetooth(void)
{
	int play = node_of("/sys/class/misc/vhci/dev", "/t/vhci");
	unsigned char create[2] = { 0xff, 0 };
	if (play < 0 || write(play, create, 2) < 0) {
		say("vhci: %s\n", strerror(errno));
		return;
	}
	usleep(200000);
	int s = socket(31, SOCK_RAW, 1);
	struct { unsigned short family, dev, channel; } at = { 31, 0, 1 };
	for (int i = 0; i < 30 && s >= 0 && bind(s, (void *)&at, sizeof at); i++)
		usleep(100000);
	unsigned char packet[5 + 320] = { 2, 1, 0x20, 0x40, 1 };
	fill(packet + 5, 320, "btacl");
	if (s < 0 || write(play, packet, sizeof packet) < 0)
		say("bluetooth: %s\n", strerror(errno));
	memset(packet, 0, sizeof packet);
}

/* ---- rings again: memory that io_uring gives out itself, buffers given one by one, completions for which there is no room ---- */

static void do_more_rings(void)
{
	struct io_uring_params p = { 0 }, small = { 0 };
	int fd = syscall(SYS_io_uring_setup, 64, &p), target = syscall(SYS_io_uring_setup, 1, &small);
	if (fd < 0 || target < 0) {
		say("io_uring: %s\n", strerror(errno));
		return;
	}
	struct { uint64_t address; unsigned entries; unsigned short group, flags; uint64_t rest[3]; } ring = { 0, 64, 7, 1 /* MMAP */, { 0 } };
	if (syscall(SYS_io_uring_register, fd, 22 /* PBUF_RING */, &ring, 1))
		say("buffer ring: %s\n", strerror(errno));
	else {
		char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0x80000000ULL | 7ULL << 16);
		if (at != MAP_FAILED)
			fill(at + 64, 512, "iopbr");
	}
	struct io_uring_sqe *sqes = mmap(NULL, 64 * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	char *queue = mmap(NULL, p.sq_off.array + 256, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	unsigned *array = (void *)(queue + p.sq_off.array), *tail = (void *)(queue + p.sq_off.tail);
	char *given = map(4 * PAGE);
	fill(given, 4 * PAGE, "ioleg");
	memset(sqes, 0, 64 * sizeof *sqes);
	sqes[0].opcode = 31 /* PROVIDE_BUFFERS */, sqes[0].fd = 4, sqes[0].addr = (uintptr_t)given, sqes[0].len = PAGE;
	for (int i = 1; i < 16; i++) {
		uint64_t words[2];
		fill(words, 16, "iocqe");
		sqes[i].opcode = 40 /* MSG_RING */, sqes[i].fd = target, sqes[i].off = words[0], sqes[i].len = (unsigned)words[1];
		sqes[i].file_index = (unsigned)(words[1] >> 32), sqes[i].rw_flags = 2 /* PASS */;
	}
	for (unsigned i = 0; i < 16; i++)
		array[i] = i;
	__atomic_store_n(tail, 16, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 16, 0, 0, NULL, 0) < 0)
		say("io_uring: %s\n", strerror(errno));
	memset(sqes, 0, 64 * sizeof *sqes);
}

/* ---- memory: pages that a program put in another's place, freed huge pages, frames of AF_XDP; texts that the kernel prints of it ---- */

static void do_memory(void)
{
	int fault = syscall(SYS_userfaultfd, 0);
	struct { uint64_t api, features, ioctls; } api = { 0xaa, 0, 0 };
	char *at = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *from = map(8 * PAGE);
	struct { uint64_t start, length, mode, ioctls; } range = { (uintptr_t)at, 8 * PAGE, 1, 0 };
	fill(from, 8 * PAGE, "uffdp");
	struct { uint64_t to, from, length, mode; int64_t done; } copy = { (uintptr_t)at, (uintptr_t)from, 8 * PAGE, 0, 0 };
	if (fault < 0 || ioctl(fault, _IOC(3, 0xaa, 0x3f, 24), &api) || ioctl(fault, _IOC(3, 0xaa, 0, 32), &range) || ioctl(fault, _IOC(3, 0xaa, 3, 40), &copy))
		say("userfaultfd: %s\n", strerror(errno));
	munmap(from, 8 * PAGE);
	put("/proc/sys/vm/nr_hugepages", "4");
	char *huge = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (huge == MAP_FAILED)
		say("hugetlb: %s\n", strerror(errno));
	else {
		fill(huge, 2 << 20, "hugfr");
		munmap(huge, 2 << 20);
	}
	int xdp = socket(44, SOCK_RAW, 0), entries = 64;
	struct { uint64_t address, length; unsigned chunk, head, flags, rest; } umem = { (uintptr_t)map(64 * PAGE), 64 * PAGE, PAGE, 0, 0, 0 };
	fill((void *)(uintptr_t)umem.address, 64 * PAGE, "xdpum");
	if (xdp < 0 || setsockopt(xdp, 283, 4, &umem, sizeof umem) || setsockopt(xdp, 283, 5, &entries, 4))
		say("af_xdp: %s\n", strerror(errno));
	/* a file of the kernel's that is read in part: names of files that are mapped */
	char path[256], some[64];
	snprintf(path, sizeof path, "/t/%s", text("seqfl", 160));
	int file = open(path, O_CREAT | O_RDWR, 0600);
	if (ftruncate(file, PAGE) == 0)
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
	int maps = open("/proc/self/maps", O_RDONLY);
	if (read(maps, some, sizeof some) < 0)
		say("maps: %s\n", strerror(errno));
	memset(path, 0, sizeof path);
	/* numbers of groups */
	gid_t groups[64];
	fill(groups, sizeof groups, "gidls");
	if (syscall(SYS_setgroups, 64, groups))
		say("groups: %s\n", strerror(errno));
	memset(groups, 0, sizeof groups);
	forget();
}

/* ---- texts: of sysctls and parameters, attributes of control groups, names of devices that programs play ---- */

static void do_texts(void)
{
	put("/proc/sys/kernel/core_pattern", text("corep", 96));
	put("/sys/module/firmware_class/parameters/path", text("fwpth", 96));
	mkdir("/t/cg3", 0700);
	mount("none", "/t/cg3", "cgroup2", 0, NULL);
	mkdir("/t/cg3/attributes", 0700);
	if (setxattr("/t/cg3/attributes", "trusted.mark", text("cgxat", 96), 96, 0))
		say("cgroup attribute: %s\n", strerror(errno));
	int input = node_of("/sys/class/misc/uinput/dev", "/t/uinput");
	static struct { unsigned short bus, vendor, product, version; char name[80]; unsigned effects; } setup = { 3, 1, 1, 1, { 0 }, 0 };
	fill(setup.name, 64, "uinnm");
	if (input < 0 || ioctl(input, _IOW('U', 100, int), 1) || ioctl(input, _IOW('U', 101, int), 30) || ioctl(input, _IOC(1, 'U', 3, sizeof setup), &setup) ||
	    ioctl(input, _IO('U', 1)))
		say("uinput: %s\n", strerror(errno));
	memset(&setup, 0, sizeof setup);
	/* to all that listen */
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int listener = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK), teller = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	if (bind(listener, (void *)&group, sizeof group) ||
	    (sendto(teller, text("nlmul", 480), 480, 0, (void *)&group, sizeof group) < 0 && errno != ECONNREFUSED /* the kernel itself does not listen */))
		say("netlink group: %s\n", strerror(errno));
	/* a comment in a set of addresses */
	int filter = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	struct { unsigned char family, version; unsigned short id; } n = { AF_INET, 0, 0 };
	unsigned char protocol = 7, revision = 4, family = AF_INET;
	unsigned flags = htonl(16 /* WITH_COMMENT */), address = htonl(0x0a000005);
	ask_begin(6 << 8 | 2, NLM_F_CREATE, &n, sizeof n);
	ask_add(1, &protocol, 1), ask_add(2, "marks", 6), ask_add(3, "hash:ip", 8), ask_add(4, &revision, 1), ask_add(5, &family, 1);
	struct nlattr *data = ask_add(7, NULL, 0);
	ask_add(8 | 0x4000, &flags, 4);
	ask_end(data);
	int error = ask_send(filter);
	ask_begin(6 << 8 | 9, 0, &n, sizeof n);
	ask_add(1, &protocol, 1), ask_add(2, "marks", 6);
	data = ask_add(7, NULL, 0);
	struct nlattr *ip = ask_add(1, NULL, 0);
	ask_add(1 | 0x4000, &address, 4);
	ask_end(ip);
	ask_add(26, text("ipsnm", 192), 193);
	ask_end(data);
	if (error || (error = ask_send(filter)))
		say("ipset: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	forget();
}

/* the log on its way through the network */
static void do_netconsole(void)
{
	if (interface(IFF_TAP, "mnet", "10.7.0.1") < 0)
		say("tap: %s\n", strerror(errno));
	mkdir("/t/cfg3", 0700);
	mount("none", "/t/cfg3", "configfs", 0, NULL);
	if (mkdir("/t/cfg3/netconsole/marks", 0700) || put("/t/cfg3/netconsole/marks/dev_name", "mnet") ||
	    put("/t/cfg3/netconsole/marks/local_ip", "10.7.0.1") || put("/t/cfg3/netconsole/marks/remote_ip", "10.7.0.2") ||
	    put("/t/cfg3/netconsole/marks/extended", "1") || put("/t/cfg3/netconsole/marks/enabled", "1"))
		say("netconsole: %s\n", strerror(errno));
	put("/dev/kmsg", text("ncbuf", 800));
	forget();
}

/* a call to a file server of AFS, which nobody answers */
static void do_calls(void)
{
	struct { unsigned short family, service, type, length; struct sockaddr_in in; } to = { 33, 52, SOCK_DGRAM, sizeof(struct sockaddr_in), local(4990) };
	int fd = socket(33, SOCK_DGRAM, AF_INET), taker = socket(AF_INET, SOCK_DGRAM, 0);
	bind(taker, (void *)&to.in, sizeof to.in);
	char control[CMSG_SPACE(8)] = { 0 };
	struct iovec piece = { text("rxcal", 1200), 1200 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ CMSG_LEN(8), 272, 1 };
	if (fd < 0 || sendmsg(fd, &m, MSG_DONTWAIT) < 0)
		say("rxrpc: %s\n", strerror(errno));
	forget();
}
