/* SPDX-License-Identifier: Apache-2.0 */
/* marks-hidden.h - places that a look at the kernel's types alone does not show: requests to USB devices and copies of them, consoles of
 * hypervisors, a TPM that a program plays, stacks of interrupts, command lines that audit keeps, text for the blind, heads of packets. */

static char *option_of(const char *kind)
{
	static char options[40];
	/* a record of a route that is full: whoever answers repeats it */
	memset(options, 0, sizeof options);
	options[0] = 7, options[1] = 39, options[2] = 40;
	fill(options + 3, 32, kind);
	memcpy(options + 35, "\1\1\1\1", 4);
	return options;
}

static void loopback_up(void)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &up);
}

/* ---- USB: what a program asked a device for and did not fetch, what a terminal sent, what a monitor of the bus saw ---- */

static void do_usb(void)
{
	char path[64];
	mkdir("/t/debug", 0700);
	mount("none", "/t/debug", "debugfs", 0, NULL);
	int monitor = open("/t/debug/usb/usbmon/0u", O_RDONLY | O_NONBLOCK), serial_line = -1, done = 0;
	if (monitor < 0)
		say("usbmon: %s\n", strerror(errno));
	for (int i = 0; i < 30 && serial_line < 0; i++, usleep(200000))
		serial_line = open("/dev/ttyUSB0", O_RDWR | O_NOCTTY | O_NONBLOCK);
	struct termios raw;
	tcgetattr(serial_line, &raw);
	cfmakeraw(&raw);
	tcsetattr(serial_line, TCSANOW, &raw);
	if (serial_line < 0 || write(serial_line, text("usbsr", 1024), 1024) < 0)
		say("ttyUSB0: %s\n", strerror(errno));
	for (int bus = 1; bus < 4 && !done; bus++)
		for (int device = 8; device > 1 && !done; device--) {
			snprintf(path, sizeof path, "/dev/bus/usb/%03d/%03d", bus, device);
			int fd = open(path, O_RDWR);
			unsigned interface = 0;
			struct { unsigned interface, request; void *data; } leave = { 0, _IO('U', 22), NULL };
			static struct { unsigned char type, endpoint; int status; unsigned flags; void *buffer; int length, actual, start, packets, errors;
				unsigned signal; void *context; } requests[8];
			unsigned char descriptors[18];
			if (fd < 0 || read(fd, descriptors, 18) != 18 || descriptors[4] == 9 /* hub */)
				continue;
			ioctl(fd, _IOWR('U', 18, leave), &leave);
			if (ioctl(fd, _IOR('U', 15, unsigned), &interface)) {
				say("%s: %s\n", path, strerror(errno));
				continue;
			}
			for (int i = 0; i < 8; i++) {
				char *b = malloc(1024);
				fill(b, 1024, "usbfs");
				requests[i].type = 3, requests[i].endpoint = 2, requests[i].buffer = b, requests[i].length = 1024;
				if (ioctl(fd, _IOC(2, 'U', 10, sizeof requests[i]), &requests[i]))
					say("%s: request: %s\n", path, strerror(errno));
				else
					done = 1;
			}
		}
	if (!done)
		say("no device of USB\n");
	forget();
}

/* a console that the hypervisor has (virtconsole, as on POWER, s390x and Xen) */
static void do_hypervisor(void)
{
	int fd = open("/dev/hvc0", O_RDWR | O_NOCTTY | O_NONBLOCK);
	struct termios raw;
	tcgetattr(fd, &raw);
	cfmakeraw(&raw);
	tcsetattr(fd, TCSANOW, &raw);
	if (fd < 0 || write(fd, text("hvcou", 1600), 1600) < 0)
		say("hvc0: %s\n", strerror(errno));
	forget();
}

/* a TPM that a program plays: its answers, which have keys and what was unsealed */
static void play_tpm(void)
{
	static unsigned char b[4096], r[1034];
	for (;;) {
		if (read(played, b, sizeof b) <= 0) {
			usleep(100000);
			continue;
		}
		r[0] = 0x80, r[1] = 1, r[4] = sizeof r >> 8, r[5] = sizeof r & 255;
		fill(r + 10, 1024, "vtpmp");
		if (write(played, r, sizeof r) < 0)
			usleep(100000);
	}
}

static void do_tpm(void)
{
	struct { unsigned flags, number, fd, major, minor; } device = { 1, 0, 0, 0, 0 };
	int fd = node_of("/sys/class/misc/vtpmx/dev", "/t/vtpmx");
	if (fd < 0 || ioctl(fd, _IOWR(0xa1, 0, device), &device)) {
		say("vtpmx: %s\n", strerror(errno));
		return;
	}
	played = (int)device.fd;
	child(play_tpm);
	sleep(1);
}

/* ---- a packet that is answered in an interrupt, on its stack; the head of a packet that began a connection ---- */

static void ping(void)
{
	unsigned char packet[60 + 8] = { 0x4f, 0, 0, 68, 0, 1, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1 };
	struct sockaddr_in to = local(0);
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	for (;;) {
		memcpy(packet + 20, option_of("irqst"), 40);
		packet[60] = 8, packet[61] = 0, packet[62] = 0xf7, packet[63] = 0xff;
		if (sendto(raw, packet, sizeof packet, 0, (void *)&to, sizeof to) < 0)
			return;
		usleep(50000);
	}
}

static void do_interrupts(void)
{
	loopback_up();
	child(ping);
	usleep(300000);
}

static void do_first_packets(void)
{
	struct sockaddr_in at = local(4061);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), one = 1, five = 5;
	loopback_up();
	put("/proc/sys/net/ipv4/tcp_fastopen", "1539");
	setsockopt(server, IPPROTO_TCP, TCP_SAVE_SYN, &one, sizeof one);
	if (bind(server, (void *)&at, sizeof at) || setsockopt(server, IPPROTO_TCP, TCP_FASTOPEN, &five, sizeof five) || listen(server, 4) ||
	    setsockopt(client, IPPROTO_IP, IP_OPTIONS, option_of("tsyn0"), 40) || connect(client, (void *)&at, sizeof at) || accept(server, NULL, NULL) < 0)
		say("first packet: %s\n", strerror(errno));
	if (sendto(socket(AF_INET, SOCK_STREAM, 0), text("tcpfo", 480), 480, MSG_FASTOPEN, (void *)&at, sizeof at) < 0)
		say("fast open: %s\n", strerror(errno));
	option_of("none0");
	forget();
}

/* ---- a command line that audit remembers with its process ---- */

static void audited_program(void)
{
	char *arguments = strdup(text("audpt", 80));
	char *argv[] = { "sh", "-c", "while :; do /bin/busybox sleep 1000; done", arguments, NULL }, *envp[] = { NULL };
	execve("/bin/busybox", argv, envp);
}

static void do_proctitle(void)
{
	/* the messages go to a daemon, which does not take them */
	struct audit_status on = { .mask = AUDIT_STATUS_ENABLED | AUDIT_STATUS_PID, .enabled = 1, .pid = getpid() };
	int daemon = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
	ask_begin(AUDIT_SET, 0, &on, sizeof on);
	int error = ask_send(daemon);
	struct audit_rule_data rule = { .flags = 4 /* EXIT */, .action = 2 };
	rule.mask[SYS_execve / 32] = 1u << SYS_execve % 32;
	ask_begin(1011 /* ADD_RULE */, 0, &rule, sizeof rule);
	if (error || (error = ask_send(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT))))
		say("audited program: %s\n", strerror(error));
	child(audited_program);
	usleep(700000);
	forget();
}

/* ---- text for people who do not see the screen ---- */

static void do_spoken(void)
{
	int synthesizer = node_of("/sys/class/misc/softsynth/dev", "/t/softsynth");
	if (synthesizer < 0)
		say("softsynth: %s\n", strerror(errno));
	mknod("/t/tty0", S_IFCHR | 0600, makedev(4, 0));
	int screen = open("/t/tty0", O_RDWR | O_NOCTTY);
	for (int i = 0; i < 20; i++)
		if (write(screen, text("spkup", 64), 64) < 0 || write(screen, "\r\n", 2) < 0)
			say("tty0: %s\n", strerror(errno));
	sleep(1);
	if (write(screen, "\033[2J\033[H", 7) < 0)
		say("tty0: %s\n", strerror(errno));
	forget();
}

/* ---- what BPF programs print, and texts of types that a program gave ---- */

static void do_printing(void)
{
	static char types[2048];
	struct { unsigned short magic; unsigned char version, flags; unsigned head, at, length, strings, string_length; } *h = (void *)types;
	h->magic = 0xeb9f, h->version = 1, h->head = 24, h->length = h->strings = 16, h->string_length = 2 + 1024;
	unsigned integer[4] = { 1, 1 << 24, 4, 32 };
	memcpy(types + 24, integer, 16);
	memcpy(types + 40, "\0i", 2);
	fill(types + 42, 1023, "bpfbt");
	union bpf_attr attr = { 0 };
	attr.btf = (uintptr_t)types;
	attr.btf_size = 24 + 16 + 2 + 1024;
	if (syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof attr) < 0)
		say("types of BPF: %s\n", strerror(errno));
	memset(types, 0, sizeof types);
	uint64_t words[2];
	fill(words, 16, "bpfpk");
	struct bpf_insn code[] = {
		{ BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, (int)words[0] }, { 0, 0, 0, 0, (int)(words[0] >> 32) },
		{ BPF_STX | BPF_MEM | BPF_DW, 10, 1, -24, 0 },
		{ BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, (int)words[1] }, { 0, 0, 0, 0, (int)(words[1] >> 32) },
		{ BPF_STX | BPF_MEM | BPF_DW, 10, 1, -16, 0 }, { BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0 }, { BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -24 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 24 }, { BPF_JMP | BPF_CALL, 0, 0, 0, 6 /* trace_printk */ },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 }, { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } };
	static char packet[64], why[8192];
	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, attr.insn_cnt = sizeof code / sizeof *code, attr.insns = (uintptr_t)code, attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)why, attr.log_size = sizeof why, attr.log_level = 1;
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd < 0)
		say("bpf program: %s %.160s\n", strerror(errno), why);
	for (int i = 0; fd >= 0 && i < 8; i++) {
		memset(&attr, 0, sizeof attr);
		attr.test.prog_fd = fd, attr.test.data_in = (uintptr_t)packet, attr.test.data_size_in = sizeof packet, attr.test.repeat = 1;
		if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof attr))
			say("bpf run: %s\n", strerror(errno));
	}
	memset(code, 0, sizeof code);
	memset(words, 0, sizeof words);
}

/* ---- packets held: by a queue of a device, for a program that decides, as copies for a monitor, in pieces; a label of a connection ---- */

static void do_held_packets(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), error;
	loopback_up();
	if (interface(IFF_TUN, "mnem", "10.6.0.1") < 0)
		say("tun: %s\n", strerror(errno));
	struct tcmsg t = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)if_nametoindex("mnem"), .tcm_parent = 0xffffffff };
	unsigned netem[6] = { 0xffffffff, 1000, 0, 0, 0, 0 };
	ask_begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &t, sizeof t);
	ask_add(1, "netem", 6);
	ask_add(2, netem, sizeof netem);
	if ((error = ask_send(route)))
		say("netem: %s\n", strerror(error));
	struct sockaddr_in to = local(9);
	inet_pton(AF_INET, "10.6.0.2", &to.sin_addr);
	for (int i = 0; i < 5; i++)
		if (sendto(socket(AF_INET, SOCK_DGRAM, 0), text("qnetm", 160 << i), 160 << i, 0, (void *)&to, sizeof to) < 0)
			say("netem: %s\n", strerror(errno));
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "mnlm", 5);
	struct nlattr *info = ask_add(18, NULL, 0);
	ask_add(1, "nlmon", 6);
	ask_end(info);
	if ((error = ask_send(route)))
		say("nlmon: %s\n", strerror(error));
	struct sockaddr_ll all_of = { .sll_family = AF_PACKET, .sll_protocol = htons(3), .sll_ifindex = (int)if_nametoindex("mnlm") };
	int seen = socket(AF_PACKET, SOCK_RAW, 0);
	if (bind(seen, (void *)&all_of, sizeof all_of))
		say("nlmon: %s\n", strerror(errno));
	ask_begin(RTM_GETLINK, 0, &link, sizeof link);
	ask_add(200, text("nlmon", 640), 640);
	ask_send(route);
	/* the first of several pieces of a packet of version 6 */
	put("/proc/sys/net/ipv6/ip6frag_time", "10000");
	unsigned char six[48 + 320] = { 0x60, 0, 0, 0, 1, 72, 44, 64 };
	six[23] = six[39] = 1, six[40] = 17, six[43] = 1, six[47] = 9;
	fill(six + 48, 320, "ip6fr");
	struct sockaddr_in6 self = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	if (sendto(socket(AF_INET6, SOCK_RAW, IPPROTO_RAW), six, sizeof six, 0, (void *)&self, sizeof self) < 0)
		say("fragment of version 6: %s\n", strerror(errno));
	memset(six, 0, sizeof six);
	memset(&ask, 0, sizeof ask);
	forget();
}

/* requests of nftables one behind the other, in one message */
static char batch[4096];
static size_t batched;

static void batch_add(int type, int flags)
{
	ask.h.nlmsg_type = type;
	ask.h.nlmsg_flags = NLM_F_REQUEST | flags;
	ask.h.nlmsg_seq = batched;
	memcpy(batch + batched, &ask, ask.h.nlmsg_len);
	batched += NLMSG_ALIGN(ask.h.nlmsg_len);
}

static void do_queued_packets(void)
{
	struct { unsigned char family, version; unsigned short id; } n = { AF_INET, 0, htons(10) }, edge = { 0, 0, htons(10) };
	unsigned output = htonl(3), zero = 0, first = htonl(1), labels = htonl(13);
	unsigned short number = htons(7);
	int queue = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	loopback_up();
	ask_begin(0, 0, &edge, 4), batch_add(16, 0);
	n.id = 0;
	ask_begin(0, 0, &n, 4), ask_add(1, "held", 5), batch_add(10 << 8, NLM_F_CREATE);
	ask_begin(0, 0, &n, 4), ask_add(1, "held", 5), ask_add(3, "out", 4), ask_add(7, "filter", 7);
	struct nlattr *hook = ask_add(4, NULL, 0);
	ask_add(1, &output, 4), ask_add(2, &zero, 4);
	ask_end(hook);
	batch_add(10 << 8 | 3, NLM_F_CREATE);
	/* all packets of version 4: they get a label, and those with a mark wait for a program */
	ask_begin(0, 0, &n, 4), ask_add(1, "held", 5), ask_add(2, "out", 4);
	struct nlattr *all_of = ask_add(4, NULL, 0), *one = ask_add(1, NULL, 0), *in, *value;
	ask_add(1, "immediate", 10), in = ask_add(2, NULL, 0);
	ask_add(1, &first, 4), value = ask_add(2, NULL, 0), ask_add(1, text("ctlab", 16), 16);
	ask_end(value), ask_end(in), ask_end(one);
	one = ask_add(1, NULL, 0), ask_add(1, "ct", 3), in = ask_add(2, NULL, 0);
	ask_add(2, &labels, 4), ask_add(4, &first, 4);
	ask_end(in), ask_end(one), ask_end(all_of);
	batch_add(10 << 8 | 6, NLM_F_CREATE | NLM_F_APPEND);
	ask_begin(0, 0, &n, 4), ask_add(1, "held", 5), ask_add(2, "out", 4), all_of = ask_add(4, NULL, 0);
	unsigned key = htonl(3) /* META_MARK */, equal = 0, wanted_mark = 77;
	one = ask_add(1, NULL, 0), ask_add(1, "meta", 5), in = ask_add(2, NULL, 0), ask_add(1, &first, 4), ask_add(2, &key, 4), ask_end(in), ask_end(one);
	one = ask_add(1, NULL, 0), ask_add(1, "cmp", 4), in = ask_add(2, NULL, 0), ask_add(1, &first, 4), ask_add(2, &equal, 4), value = ask_add(3, NULL, 0);
	ask_add(1, &wanted_mark, 4), ask_end(value), ask_end(in), ask_end(one);
	one = ask_add(1, NULL, 0), ask_add(1, "queue", 6), in = ask_add(2, NULL, 0), ask_add(1, &number, 2), ask_end(in), ask_end(one);
	ask_end(all_of), batch_add(10 << 8 | 6, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	ask_begin(0, 0, &edge, 4), batch_add(17, 0);
	int rules = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	struct timeval wait = { 2, 0 };
	setsockopt(rules, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	memset(&ask, 0, sizeof ask);
	if (send(rules, batch, batched, 0) < 0 || recv(rules, &ask, sizeof ask, 0) < 0 || ((struct nlmsgerr *)ask.b)->error)
		say("rules with a queue: %s\n", strerror(errno ? errno : -((struct nlmsgerr *)ask.b)->error));
	struct { unsigned char command, pad; unsigned short family; } bind_to = { 1, 0, htons(AF_INET) };
	struct __attribute__((packed)) { unsigned range; unsigned char mode; } copy = { htonl(0xffff), 2 };
	n.id = number, n.family = 0;
	ask_begin(3 << 8 | 2, 0, &n, 4), ask_add(1, &bind_to, 4), ask_add(2, &copy, 5);
	int error = ask_send(queue);
	if (error)
		say("queue of packets: %s\n", strerror(error));
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = local(4777);
	setsockopt(udp, SOL_SOCKET, SO_MARK, &wanted_mark, sizeof wanted_mark);
	for (int i = 0; i < 4; i++)
		if (sendto(udp, text("nfque", 160 << i), 160 << i, 0, (void *)&to, sizeof to) < 0)
			say("queued packet: %s\n", strerror(errno));
	memset(batch, 0, sizeof batch);
	memset(&ask, 0, sizeof ask);
	forget();
}

/* ---- settings: a text that routers get, one of a console of the network, of control groups, of a device that a program plays; errors of mounts ---- */

static void do_more_settings(void)
{
	struct { unsigned char command, version; unsigned short reserved; } g = { 4, 1, 0 };
	unsigned number = 5;
	int family = generic_family("IOAM6"), error;
	ask_begin(family, 0, &g, sizeof g);
	ask_add(4, &number, 4), ask_add(5, text("ioam6", 320), 320);
	if (family < 0 || (error = ask_send(socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC))))
		say("ioam6: %s\n", strerror(family < 0 ? ENOENT : error));
	mkdir("/t/cfg4", 0700);
	mount("none", "/t/cfg4", "configfs", 0, NULL);
	if (mkdir("/t/cfg4/netconsole/marks-text", 0700) || mkdir("/t/cfg4/netconsole/marks-text/userdata/a", 0700) ||
	    put("/t/cfg4/netconsole/marks-text/userdata/a/value", text("ncusr", 160)))
		say("netconsole: %s\n", strerror(errno));
	mkdir("/t/cgv1", 0700);
	if (mount("none", "/t/cgv1", "cgroup", 0, "none,name=marksv1") || put("/t/cgv1/release_agent", text("cgrel", 160)))
		say("release agent: %s\n", strerror(errno));
	int fd = syscall(430 /* fsopen */, "tmpfs", 0);
	if (syscall(431 /* fsconfig */, fd, 1, text("fclog", 160), "x", 0) == 0)
		say("fsconfig: no error\n");
	static struct { char name[256]; unsigned vendor, device; uint64_t features; unsigned queues, alignment, reserved[13], length; unsigned char config[640]; } v = {
		"marks", 0x1af4, 2, 3ULL << 32, 1, 4096, { 0 }, 640, { 0 } };
	fill(v.config, 640, "vduse");
	uint64_t version = 0;
	int control = open("/dev/vduse/control", O_RDWR);
	if (control < 0 || ioctl(control, _IOW(0x81, 1, uint64_t), &version) || ioctl(control, _IOC(1, 0x81, 2, (char *)v.config - (char *)&v), &v))
		say("vduse: %s\n", strerror(errno));
	memset(&v, 0, sizeof v);
	memset(&ask, 0, sizeof ask);
	forget();
}

/* data that belong to a mode of a screen, and the name of a buffer that devices share */
static void do_drawn(void)
{
	for (int i = 0; i < 3; i++) {
		char path[32];
		snprintf(path, sizeof path, "/dev/dri/card%d", i);
		int card = open(path, O_RDWR), error = 0;
		struct { uint64_t data; unsigned length, id; } blob = { (uintptr_t)text("drmpb", 640), 640, 0 };
		if (card < 0)
			continue;
		if (ioctl(card, _IOC(3, 'd', 0xbd, sizeof blob), &blob))
			error = errno;
		struct { unsigned height, width, depth, flags, handle, pitch; uint64_t size; } make = { 64, 64, 32, 0, 0, 0, 0 };
		struct { unsigned handle, flags; int fd; } out = { 0, 0, -1 };
		if (ioctl(card, _IOC(3, 'd', 0xb2, 32), &make) == 0) {
			out.handle = make.handle;
			ioctl(card, _IOC(3, 'd', 0x2d, sizeof out), &out);
		}
		if (error || out.fd < 0 || ioctl(out.fd, _IOC(1, 'b', 1, 8), text("dmabn", 16)))
			say("%s: %s\n", path, strerror(error ? error : errno));
	}
	forget();
}

/* ---- a file system on flash memory: it has names and targets of links in memory of its own ---- */

static void do_flash(void)
{
	char path[256];
	mkdir("/t/flash", 0700);
	if (mount("mtd0", "/t/flash", "jffs2", 0, NULL)) {
		say("jffs2: %s\n", strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "/t/flash/%s", text("jffnm", 160));
	int fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || write(fd, text("jffdt", 2000), 2000) < 0 || fsync(fd) || fsetxattr(fd, "user.mark", text("jffxa", 320), 320, 0) ||
	    symlink(text("jffln", 240), "/t/flash/link") || readlink("/t/flash/link", path, 10) < 0)
		say("jffs2: %s\n", strerror(errno));
	memset(path, 0, sizeof path);
	forget();
}

/* ---- a program that is about to begin: its arguments are copied, and somebody has to permit that its file is read ---- */

static void begin(void)
{
	char *arguments = strdup(text("exarg", 5000)), *variables = strdup(text("exenv", 5000));
	char *argv[] = { "sh", arguments, NULL }, *envp[] = { variables, NULL };
	execve("/t/asked-for", argv, envp);
}

static void do_beginning(void)
{
	const char *script = "#!/bin/busybox sh\n";
	int fd = open("/t/asked-for", O_CREAT | O_WRONLY, 0700), judge = syscall(SYS_fanotify_init, 4 /* CONTENT */, O_RDONLY);
	if (write(fd, script, strlen(script)) < 0 || close(fd) || judge < 0 ||
	    syscall(SYS_fanotify_mark, judge, 1 /* ADD */, 0x20000ULL /* ACCESS_PERM */, AT_FDCWD, "/t/asked-for"))
		say("fanotify: %s\n", strerror(errno));
	child(begin);
	usleep(300000);
	forget();
}
