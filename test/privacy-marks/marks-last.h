/* SPDX-License-Identifier: Apache-2.0 */
/* marks-last.h - vector registers beyond those of the task (SVE), what BPF programs print to their streams, histograms of texts, the log of an
 * earlier kernel (pstore), keys of OpenVPN. Part of marks.c. */

/* ---- SVE: registers of programs that were interrupted, in memory of their own ---- */

#if defined __aarch64__
static void spin_vectors(void)
{
	static char vector[256] __attribute__((aligned(256)));
	fill(vector, sizeof vector, "svere");
	register char *at __asm__("x9") = vector;
	/* ldr z9, [x9]; ldr z10, [x9] */
	__asm__ volatile(".inst 0x85804129\n .inst 0x8580412a\n1: b 1b\n" : : "r"(at) : "memory");
}
#endif

static void do_vectors(void)
{
#if defined __aarch64__
	pid_t some[4];
	for (int i = 0; i < 4; i++)
		some[i] = child(spin_vectors);
	sleep(1);
	for (int i = 0; i < 4; i++)
		kill(some[i], SIGSTOP);
#endif
}

/* ---- what a BPF program prints to its own stream, which a program may read later (6.17 and later) ---- */

static unsigned type_of_function(const char *name)
{
	static const unsigned char one[20] = { [1] = 4, [3] = 12, [14] = 4, [17] = 4 }, each[20] = { [4] = 12, [5] = 12, [6] = 8, [13] = 8, [15] = 12, [19] = 12 };
	struct stat st;
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		return 0;
	char *all = malloc(st.st_size);
	for (ssize_t at = 0, n; at < st.st_size && (n = read(fd, all + at, st.st_size - at)) > 0;)
		at += n;
	unsigned *head = (unsigned *)all, found = 0, number = 1;
	char *types = all + head[1] + head[2], *end = types + head[3], *names = all + head[1] + head[4];
	for (; types < end && !found; number++) {
		unsigned *type = (unsigned *)types, kind = type[1] >> 24 & 31;
		if (kind == 12 && !strcmp(names + type[0], name))
			found = number;
		types += 12 + one[kind % 20] + each[kind % 20] * (type[1] & 0xffff);
	}
	free(all);
	close(fd);
	return found;
}

static void do_streams(void)
{
	static char value[160], why[8192];
	int zero = 0, map = map_of(BPF_MAP_TYPE_ARRAY, 4, sizeof value, 1, 128 /* RDONLY_PROG */);
	unsigned function = type_of_function("bpf_stream_vprintk");
	fill(value, 144, "bpfsm");
	map_set(map, &zero, value);
	memset(value, 0, sizeof value);
	union bpf_attr attr = { .map_fd = map };
	if (function == 0 || syscall(SYS_bpf, 22 /* MAP_FREEZE */, &attr, sizeof attr)) {
		say("stream of BPF: %s\n", function ? strerror(errno) : "none");
		return;
	}
	struct bpf_insn code[] = {
		{ BPF_LD | BPF_DW | BPF_IMM, 2, 2 /* MAP_VALUE */, 0, map }, { 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1 /* STDOUT */ }, { BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0 }, { BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -8 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0 }, { BPF_ALU64 | BPF_MOV | BPF_K, 5, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 2 /* KFUNC */, 0, (int)function },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 }, { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } };
	memset(&attr, 0, sizeof attr);
	attr.prog_type = 31 /* SYSCALL */, attr.insn_cnt = sizeof code / sizeof *code, attr.insns = (uintptr_t)code, attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)why, attr.log_size = sizeof why, attr.log_level = 1, attr.prog_flags = 16 /* SLEEPABLE */;
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd < 0)
		say("stream of BPF: %s %.160s\n", strerror(errno), why);
	for (int i = 0; fd >= 0 && i < 8; i++) {
		memset(&attr, 0, sizeof attr);
		attr.test.prog_fd = fd;
		if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof attr))
			say("stream of BPF: %s\n", strerror(errno));
	}
}

/* ---- a histogram of texts that a program passes to a function of its own ---- */

__attribute__((noinline)) static void counted(const char *what)
{
	__asm__ volatile("nop" : : "r"(what) : "memory");
}

static void do_histogram(void)
{
	extern char __executable_start;
	char line[256];
#if defined __x86_64__
	const char *first = "%%di";
#else
	const char *first = "%%x0";
#endif
	snprintf(line, sizeof line, "p:mk/counted /workload:0x%lx told=+0(", (unsigned long)((char *)counted - &__executable_start));
	sprintf(line + strlen(line), first);
	strcat(line, "):string\n");
	mkdir("/t/tr5", 0700);
	mount("none", "/t/tr5", "tracefs", 0, NULL);
	int fd = open("/t/tr5/uprobe_events", O_WRONLY | O_APPEND);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		say("uprobe_events: %s\n", strerror(errno));
	put("/t/tr5/events/mk/counted/trigger", "hist:keys=told");
	for (int i = 0; i < 8; i++)
		counted(text("trhik", 192));
	put("/t/tr5/events/mk/counted/trigger", "hist:keys=told:pause");
	forget();
}

/* ---- what an earlier kernel said before it ended; run.py puts it where ramoops looks ---- */

static void do_earlier(void)
{
	char some[128];
	mkdir("/t/pstore", 0700);
	if (mount("none", "/t/pstore", "pstore", 0, NULL)) {
		say("pstore: %s\n", strerror(errno));
		return;
	}
	int fd = open("/t/pstore/dmesg-ramoops-0", O_RDONLY);
	if (fd < 0 || read(fd, some, sizeof some) < 0)
		say("pstore: %s\n", strerror(errno));
	memset(some, 0, sizeof some);
}

/* ---- OpenVPN in the kernel: keys of a peer ---- */

static void do_openvpn(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), generic = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in at = local(4980);
	struct ifinfomsg link = { 0 };
	loopback_up();
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "movpn", 6);
	struct nlattr *info = ask_add(18, NULL, 0);
	ask_add(1, "ovpn", 5);
	ask_end(info);
	int error = bind(udp, (void *)&at, sizeof at) ? errno : ask_send(route), family = error ? -1 : generic_family("ovpn");
	if (family < 0) {
		say("ovpn: %s\n", strerror(error));
		return;
	}
	unsigned self = if_nametoindex("movpn"), peer = 7, cipher = 1 /* AES_GCM */, zero = 0;
	unsigned short port = htons(4981);
	struct { unsigned char command, version; unsigned short reserved; } g = { 1 /* PEER_NEW */, 1, 0 };
	ask_begin(family, 0, &g, sizeof g);
	ask_add(1, &self, 4);
	struct nlattr *own = ask_add(2, NULL, 0);
	ask_add(1, &peer, 4), ask_add(2, &at.sin_addr, 4), ask_add(5, &port, 2), ask_add(6, &udp, 4);
	ask_end(own);
	if ((error = ask_send(generic)))
		say("peer of ovpn: %s\n", strerror(error));
	g.command = 6 /* KEY_NEW */;
	ask_begin(family, 0, &g, sizeof g);
	ask_add(1, &self, 4);
	own = ask_add(3, NULL, 0);
	ask_add(1, &peer, 4), ask_add(2, &zero, 4), ask_add(3, &zero, 4), ask_add(4, &cipher, 4);
	for (int i = 5; i <= 6; i++) {
		struct nlattr *way = ask_add(i, NULL, 0);
		ask_add(1, text("ovpnk", 32), 32), ask_add(2, "12345678", 8);
		ask_end(way);
	}
	ask_end(own);
	if ((error = ask_send(generic)))
		say("key of ovpn: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	forget();
}
