/* SPDX-License-Identifier: Apache-2.0 */
/* marks-newest.h - stacks of ended tasks, numbers one behind the other (users, handlers of signals, bits of ports), texts as keys of a keyboard,
 * further ciphers, rules and routes with data, names of the host in modules, BPF storage of control groups. Part of marks.c. */

/* ---- ended tasks: their stacks wait for the next ones, with registers and copies of the calls ---- */

static void end_with_registers(void)
{
	use_stack("dstck");
#if defined __x86_64__
	uint64_t r[4] = { 0 };
	mark_cell((char *)r, "dstrg", serial++);
	mark_cell((char *)(r + 2), "dstrg", serial++);
	__asm__ volatile("mov %0, %%r15\n mov %1, %%r14\n mov %2, %%r13\n mov %3, %%r12\n mov $60, %%eax\n xor %%edi, %%edi\n syscall\n"
			 : : "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]) : "rax", "rdi", "r12", "r13", "r14", "r15", "memory");
#endif
}

/* the last ones before the dump */
static void leave_stacks(void)
{
	pid_t some[8];
	for (int i = 0; i < 8; i++)
		some[i] = child(end_with_registers);
	for (int i = 0; i < 8; i++)
		waitpid(some[i], NULL, 0);
}

/* ---- numbers that a program chooses, one behind the other: users, signals, ports, control characters ---- */

static void users_of_marks(void)
{
	unsigned words[4];
	fill(words, 16, "cruid");
	/* uid, gid, suid, sgid are neighbours */
	if (syscall(SYS_setresgid, words[1], words[3], 0) || syscall(SYS_setresuid, words[0], words[2], 0))
		say("setresuid: %s\n", strerror(errno));
	sleep_for_ever();
}

static void own_users(void)
{
	if (unshare(CLONE_NEWUSER))
		say("user namespace: %s\n", strerror(errno));
	sleep_for_ever();
}

static void space_of_marks(void)
{
	unsigned words[4];
	char line[128], path[64];
	pid_t pid = child(own_users);
	usleep(200000);
	fill(words, 16, "uidmp");
	snprintf(line, sizeof line, "%u %u %u\n%u 5 1\n", words[0], words[1], words[2], words[3]);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	put(path, line);
}

static void handlers_of_marks(void)
{
	uint64_t words[2];
	fill(words, 16, "sigac");
	struct { uint64_t handler, flags, restorer, mask; } action = { 1, 0x4000000 /* RESTORER */, words[0], words[1] };
	for (int i = SIGRTMIN + 3; i < SIGRTMIN + 9; i++)
		if (syscall(SYS_rt_sigaction, i, &action, NULL, 8))
			say("sigaction: %s\n", strerror(errno));
	memset(words, 0, sizeof words);
	memset(&action, 0, sizeof action);
	sleep_for_ever();
}

static void ports_of_marks(void)
{
#if defined __x86_64__
	static unsigned char bits[64];
	fill(bits, sizeof bits, "ioprm");
	/* a bit that is not set permits a port */
	for (unsigned i = 0; i < sizeof bits * 8; i++)
		if (!(bits[i / 8] >> (i % 8) & 1) && syscall(SYS_ioperm, 1024 + i, 1, 1)) {
			say("ioperm: %s\n", strerror(errno));
			break;
		}
	memset(bits, 0, sizeof bits);
#endif
	for (int i = 0; i < 50; i++)
		usleep(1000);
	sleep_for_ever();
}

static void do_chosen(void)
{
	child(users_of_marks);
	space_of_marks();
	child(handlers_of_marks);
	child(ports_of_marks);
	int master, slave;
	struct termios t;
	if (openpty(&master, &slave, NULL, NULL, NULL) == 0) {
		tcgetattr(slave, &t);
		fill(t.c_cc, 16, "termc");
		if (tcsetattr(slave, TCSANOW, &t))
			say("control characters: %s\n", strerror(errno));
		memset(&t, 0, sizeof t);
	}
	usleep(300000);
	forget();
}

/* ---- a keyboard and a font of texts ---- */

static void do_keyboard(void)
{
	mknod("/t/tty5", S_IFCHR | 0600, makedev(4, 5));
	int fd = open("/t/tty5", O_RDWR | O_NOCTTY);
	char *letters = text("keymp", 96);
	for (int i = 0; i < 96; i++) {
		struct { unsigned char table, index; unsigned short value; } entry = { 13, (unsigned char)(i + 1), (unsigned char)letters[i] };
		if (ioctl(fd, 0x4b47 /* KDSKBENT */, &entry)) {
			say("keyboard: %s\n", strerror(errno));
			break;
		}
	}
	static struct { unsigned count; struct { unsigned mark, base, result; } one[256]; } accents;
	letters = text("accnt", 192);
	accents.count = 64;
	for (int i = 0; i < 64; i++) {
		accents.one[i].mark = (unsigned char)letters[3 * i];
		accents.one[i].base = (unsigned char)letters[3 * i + 1];
		accents.one[i].result = (unsigned char)letters[3 * i + 2];
	}
	if (ioctl(fd, 0x4bfb /* KDSKBDIACRUC */, &accents))
		say("accents: %s\n", strerror(errno));
	memset(&accents, 0, sizeof accents);
	static struct { unsigned short unicode, font; } pairs[64];
	letters = text("unimp", 64);
	for (int i = 0; i < 64; i++)
		pairs[i].unicode = (unsigned short)(0x2400 + i), pairs[i].font = (unsigned char)letters[i];
	struct { unsigned short count; void *pairs; } map_to = { 64, pairs };
	struct { unsigned short size, step, level; } clear = { 0, 0, 0 };
	if (ioctl(fd, 0x4b68 /* PIO_UNIMAPCLR */, &clear) || ioctl(fd, 0x4b67 /* PIO_UNIMAP */, &map_to))
		say("map of a font: %s\n", strerror(errno));
	memset(pairs, 0, sizeof pairs);
	forget();
}

/* ---- ciphers whose keys lie in further ways in their contexts ---- */

static void do_more_ciphers(void)
{
	cipher("skcipher", "xts(aes)", "xtsak", 64);
	cipher("skcipher", "adiantum(xchacha12,aes)", "adiak", 32);
	cipher("skcipher", "essiv(cbc(aes),sha256)", "essvk", 32);
	cipher("skcipher", "chacha20", "chchk", 32);
	cipher("skcipher", "lrw(aes)", "lrwak", 48);
	cipher("hash", "cmac(aes)", "cmack", 32);
	cipher("hash", "blake2b-256", "blakk", 64);
	cipher("aead", "rfc4106(gcm(aes))", "rfc4k", 20 + 16);
	cipher("aead", "ccm(aes)", "ccmak", 32);
	cipher("rng", "ansi_cprng", "rngsd", 48);
}

/* ---- WireGuard's own key: its first and last byte are not as given ---- */

static void do_own_key(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), family = generic_family("wireguard"), error;
	struct ifinfomsg link = { 0 };
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "mwg2", 5);
	struct nlattr *info = ask_add(18, NULL, 0);
	ask_add(1, "wireguard", 10);
	ask_end(info);
	error = ask_send(route);
	struct { unsigned char command, version; unsigned short reserved; } g = { 1, 1, 0 };
	char key[32] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	fill(key + 8, 16, "wgprv");
	ask_begin(family, 0, &g, sizeof g);
	ask_add(2, "mwg2", 5);
	ask_add(3, key, 32);
	if (error || family < 0 || (error = ask_send(socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC))))
		say("wireguard's own key: %s\n", strerror(error));
	memset(key, 0, sizeof key);
	memset(&ask, 0, sizeof ask);
}

/* ---- rules and routes with data: elements of sets, comments, prefixes of logs, packets that wait for the log, options of tunnels ---- */

static void nft_set_of_marks(void)
{
	struct { unsigned char family, version; unsigned short id; } n = { AF_INET, 0, htons(10) }, edge = { 0, 0, htons(10) };
	unsigned type = htonl(41), length = htonl(32), number = htonl(1), output = htonl(3), zero = 0, one = htonl(1), key = htonl(3), equal = 0, wanted_mark = 78;
	unsigned short group = htons(5);
	int rules = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	batched = 0;
	ask_begin(0, 0, &edge, 4), batch_add(16, 0);
	n.id = 0;
	ask_begin(0, 0, &n, 4), ask_add(1, "told", 5), batch_add(10 << 8, NLM_F_CREATE);
	ask_begin(0, 0, &n, 4), ask_add(1, "told", 5), ask_add(2, "words", 6), ask_add(4, &type, 4), ask_add(5, &length, 4), ask_add(10, &number, 4);
	ask_add(13, text("nftsu", 96), 96);
	batch_add(10 << 8 | 9, NLM_F_CREATE);
	ask_begin(0, 0, &n, 4), ask_add(1, "told", 5), ask_add(2, "words", 6), ask_add(4, &number, 4);
	struct nlattr *all_of = ask_add(3, NULL, 0);
	for (int i = 0; i < 4; i++) {
		struct nlattr *element = ask_add(1, NULL, 0), *own = ask_add(1, NULL, 0);
		ask_add(1, text("nftse", 32), 32);
		ask_end(own);
		ask_add(6, text("nftcm", 96), 96);
		ask_end(element);
	}
	ask_end(all_of);
	batch_add(10 << 8 | 12, NLM_F_CREATE);
	ask_begin(0, 0, &n, 4), ask_add(1, "told", 5), ask_add(3, "out", 4), ask_add(7, "filter", 7);
	struct nlattr *hook = ask_add(4, NULL, 0), *inner, *value, *e;
	ask_add(1, &output, 4), ask_add(2, &zero, 4), ask_end(hook);
	batch_add(10 << 8 | 3, NLM_F_CREATE);
	ask_begin(0, 0, &n, 4), ask_add(1, "told", 5), ask_add(2, "out", 4);
	all_of = ask_add(4, NULL, 0);
	e = ask_add(1, NULL, 0), ask_add(1, "meta", 5), inner = ask_add(2, NULL, 0), ask_add(1, &one, 4), ask_add(2, &key, 4), ask_end(inner), ask_end(e);
	e = ask_add(1, NULL, 0), ask_add(1, "cmp", 4), inner = ask_add(2, NULL, 0), ask_add(1, &one, 4), ask_add(2, &equal, 4), value = ask_add(3, NULL, 0);
	ask_add(1, &wanted_mark, 4), ask_end(value), ask_end(inner), ask_end(e);
	e = ask_add(1, NULL, 0), ask_add(1, "log", 4), inner = ask_add(2, NULL, 0), ask_add(1, &group, 2), ask_add(2, text("nftlg", 112), 113), ask_end(inner), ask_end(e);
	ask_end(all_of);
	ask_add(7, text("nftru", 192), 192);
	batch_add(10 << 8 | 6, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	ask_begin(0, 0, &edge, 4), batch_add(17, 0);
	struct timeval wait = { 2, 0 };
	setsockopt(rules, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	memset(&ask, 0, sizeof ask);
	errno = 0;
	if (send(rules, batch, batched, 0) < 0 || recv(rules, &ask, sizeof ask, 0) < 0 || ((struct nlmsgerr *)ask.b)->error)
		say("rules of marks: %s (%x)\n", strerror(errno ? errno : -((struct nlmsgerr *)ask.b)->error), ((struct nlmsgerr *)ask.b)->msg.nlmsg_type);
	memset(batch, 0, sizeof batch);
	/* a program that wants many packets at once, later */
	struct { unsigned char command; } bind_to = { 1 }, all_families = { 3 };
	struct __attribute__((packed)) { unsigned range; unsigned char mode, pad; } copy = { htonl(0xffff), 2, 0 };
	unsigned later = htonl(1000000), many = htonl(1000), room = htonl(8192);
	int log = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	n.family = AF_INET, n.id = 0;
	ask_begin(4 << 8 | 1, 0, &n, 4), ask_add(1, &all_families, 1), ask_send(log);
	n.id = group;
	ask_begin(4 << 8 | 1, 0, &n, 4), ask_add(1, &bind_to, 1);
	int error = ask_send(log);
	ask_begin(4 << 8 | 1, 0, &n, 4), ask_add(2, &copy, sizeof copy), ask_add(3, &room, 4), ask_add(4, &later, 4), ask_add(5, &many, 4);
	if (error || (error = ask_send(log)))
		say("log of packets: %s\n", strerror(error));
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = local(4778);
	setsockopt(udp, SOL_SOCKET, SO_MARK, &wanted_mark, sizeof wanted_mark);
	for (int i = 0; i < 3; i++)
		sendto(udp, text("nflog", 320), 320, 0, (void *)&to, sizeof to);
}

static void do_more_rules(void)
{
	loopback_up();
	nft_set_of_marks();
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), error;
	unsigned lo = if_nametoindex("lo"), to = htonl(0x0a4d0001), remote = htonl(0x7f000001);
	unsigned short encapsulation = 2 /* IP */, class = htons(0x102);
	uint64_t id = 7;
	struct rtmsg r = { .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = 4, .rtm_type = RTN_UNICAST, .rtm_scope = RT_SCOPE_LINK };
	ask_begin(RTM_NEWROUTE, NLM_F_CREATE, &r, sizeof r);
	ask_add(RTA_DST, &to, 4), ask_add(RTA_OIF, &lo, 4), ask_add(21 /* ENCAP_TYPE */, &encapsulation, 2);
	struct nlattr *own = ask_add(22 /* ENCAP */, NULL, 0);
	ask_add(1, &id, 8), ask_add(2, &remote, 4);
	struct nlattr *options = ask_add(8 /* OPTS */, NULL, 0), *geneve = ask_add(1, NULL, 0);
	unsigned char type = 1;
	ask_add(1, &class, 2), ask_add(2, &type, 1), ask_add(3, text("lwgnv", 96), 96);
	ask_end(geneve), ask_end(options), ask_end(own);
	if ((error = ask_send(route)))
		say("route through a tunnel: %s\n", strerror(error));
	struct { unsigned char family, dst, src, tos, table, r1, r2, action; unsigned flags; } rule = { AF_INET, 0, 0, 0, 254, 0, 0, 1, 0 };
	ask_begin(32 /* RTM_NEWRULE */, NLM_F_CREATE, &rule, sizeof rule);
	ask_add(3 /* IIFNAME */, text("frule", 16), 15 + 1);
	((char *)&ask)[ask.h.nlmsg_len - 1] = 0;
	if ((error = ask_send(route)))
		say("rule of routes: %s\n", strerror(error));
	/* a flow's options of version 6 */
	static struct { struct in6_addr to; unsigned label; unsigned char action, share; unsigned short flags, expires, linger; unsigned pad; char control[CMSG_SPACE(72)]; } flow = {
		.to = IN6ADDR_LOOPBACK_INIT, .action = 0, .share = 1, .flags = 1 };
	struct cmsghdr *c = (void *)(((uintptr_t)flow.control + 7) & ~7ul);
	*c = (struct cmsghdr){ CMSG_LEN(72), IPPROTO_IPV6, 54 /* HOPOPTS */ };
	unsigned char *hops = CMSG_DATA(c);
	hops[1] = 8, hops[2] = 0x1e, hops[3] = 68;
	fill(hops + 4, 64, "flwlb");
	flow.label = htonl(0x12345);
	if (setsockopt(socket(AF_INET6, SOCK_DGRAM, 0), IPPROTO_IPV6, 32 /* FLOWLABEL_MGR */, &flow, sizeof flow))
		say("label of a flow: %s\n", strerror(errno));
	memset(&flow, 0, sizeof flow);
	memset(&ask, 0, sizeof ask);
	forget();
}

/* ---- BPF: storage of control groups that belongs to programs; a filter's name; numbers that a program gave for each function ---- */

static int program_of(int type, struct bpf_insn *code, unsigned count, int attach)
{
	static char why[4096];
	union bpf_attr attr = { 0 };
	attr.prog_type = (unsigned)type, attr.insn_cnt = count, attr.insns = (uintptr_t)code, attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)why, attr.log_size = sizeof why, attr.log_level = 1, attr.expected_attach_type = (unsigned)attach;
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd < 0)
		say("bpf program: %s %.160s\n", strerror(errno), why);
	return fd;
}

static void do_group_storage(void)
{
	static char value[160 * 64];
	mkdir("/t/cg4", 0700);
	mount("none", "/t/cg4", "cgroup2", 0, NULL);
	mkdir("/t/cg4/stored", 0700);
	struct stat st;
	int group = open("/t/cg4/stored", O_RDONLY);
	fstat(group, &st);
	for (int i = 0; i < 2; i++) {
		union bpf_attr attr = { .map_type = i ? 21 : 19, .key_size = 16, .value_size = 160 };
		int map = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
		struct bpf_insn code[] = { { BPF_LD | BPF_DW | BPF_IMM, 1, 1 /* MAP_FD */, 0, map }, { 0, 0, 0, 0, 0 }, { BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0 },
			{ BPF_JMP | BPF_CALL, 0, 0, 0, 81 /* get_local_storage */ }, { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1 }, { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } };
		int program = program_of(8 /* CGROUP_SKB */, code, 6, i /* INGRESS, EGRESS */);
		memset(&attr, 0, sizeof attr);
		attr.target_fd = (unsigned)group, attr.attach_bpf_fd = (unsigned)program, attr.attach_type = (unsigned)i;
		if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr))
			say("storage of a group: %s\n", strerror(errno));
		struct { uint64_t group; unsigned type, pad; } key = { st.st_ino, (unsigned)i, 0 };
		fill(value, sizeof value, i ? "bpfcp" : "bpfcs");
		map_set(map, &key, value);
	}
	memset(value, 0, sizeof value);
	struct bpf_insn nothing[] = { { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 }, { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } };
	int filter = program_of(3 /* SCHED_CLS */, nothing, 2, 0), route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), error;
	struct tcmsg t = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)if_nametoindex("lo"), .tcm_parent = 0xfffffff1, .tcm_handle = 0xffff0000 };
	ask_begin(RTM_NEWQDISC, NLM_F_CREATE, &t, sizeof t);
	ask_add(1, "clsact", 7);
	error = ask_send(route);
	t.tcm_parent = 0xfffffff2, t.tcm_handle = 0, t.tcm_info = 1 << 16 | htons(3);
	unsigned flags = 1;
	ask_begin(RTM_NEWTFILTER, NLM_F_CREATE, &t, sizeof t);
	ask_add(1, "bpf", 4);
	struct nlattr *options = ask_add(2, NULL, 0);
	ask_add(6, &filter, 4), ask_add(7, text("tcbpn", 96), 97), ask_add(8, &flags, 4);
	ask_end(options);
	if (error || (error = ask_send(route)))
		say("filter of BPF: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	int probe = program_of(2 /* KPROBE */, nothing, 2, 42 /* TRACE_KPROBE_MULTI */);
	static const char *names[] = { "ksys_sync", "do_epoll_create", "do_eventfd", "do_sys_ftruncate" };
	uint64_t cookies[4];
	fill(cookies, sizeof cookies, "bpfck");
	struct { unsigned program, target, type, flags, probe_flags, count; uint64_t symbols, addresses, cookies; } make = {
		(unsigned)probe, 0, 42, 0, 0, 4, (uintptr_t)names, 0, (uintptr_t)cookies };
	if (syscall(SYS_bpf, 28 /* LINK_CREATE */, &make, sizeof make) < 0)
		say("probes with numbers: %s\n", strerror(errno));
	memset(cookies, 0, sizeof cookies);
	forget();
}

/* ---- names of the host that modules copied ---- */

static void mount_with_name(void)
{
	if (unshare(CLONE_NEWUTS) || sethostname(text("hrpcn", 32), 32))
		say("host name: %s\n", strerror(errno));
	mkdir("/t/nfs2", 0700);
	mount("127.0.0.1:/x", "/t/nfs2", "nfs", 0, "vers=3,proto=tcp,port=4950,mountproto=tcp,mountport=4950,mountvers=3,addr=127.0.0.1,mountaddr=127.0.0.1,nolock");
}

static void do_copied_names(void)
{
	if (unshare(CLONE_NEWUTS) || sethostname(text("hcifs", 48), 48))
		say("host name: %s\n", strerror(errno));
	int fd = syscall(430 /* fsopen */, "cifs", 0);
	if (fd < 0)
		say("cifs: %s\n", strerror(errno));
	forget();
	child(mount_with_name);
	usleep(300000);
}

/* ---- what looks like a stack of the kernel's, and is not: a long message, pages in pipes with free ones behind them ---- */

static void begin_like_a_stack(char *at)
{
	uint64_t mark = 0x57ac6e9d;
	memcpy(at, &mark, 8);
}

static void do_false_stacks(void)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_pid = getpid() };
	int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK), room = 1 << 20, pipes[2];
	char *message = map(16 * PAGE), *page = map(PAGE);
	fill(message, 16 * PAGE, "nlstk");
	begin_like_a_stack(message);
	setsockopt(nl, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	setsockopt(nl, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	if (bind(nl, (void *)&self, sizeof self) || sendto(nl, message, 16 * PAGE - 400, 0, (void *)&self, sizeof self) < 0)
		say("long netlink message: %s\n", strerror(errno));
	munmap(message, 16 * PAGE);
	for (int i = 0; i < 32 && pipe2(pipes, O_NONBLOCK) == 0; i++) {
		char *between = NULL;
		for (int k = 0; k < 8; k++) {
			fill(page, PAGE, "pistk");
			begin_like_a_stack(page);
			if (write(pipes[1], page, PAGE) != PAGE)
				break;
			between = map(3 * PAGE);
			fill(between, 3 * PAGE, "pifre");
			munmap(between, 3 * PAGE);
		}
	}
	munmap(page, PAGE);
}

/* ---- a private key for certificates, as a program loads it ---- */

static void do_private_key(void)
{
	unsigned char der[4 + 3 + 15 + 4 + 480] = { 0x30, 0x82, (3 + 15 + 4 + 480) >> 8, (3 + 15 + 4 + 480) & 255, 2, 1, 0,
		0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0, 4, 0x82, 480 >> 8, 480 & 255 };
	fill(der + 26, 480, "pk8ky");
	if (syscall(SYS_add_key, "asymmetric", "marks-private", der, sizeof der, KEY_SPEC_PROCESS_KEYRING) < 0)
		say("private key: %s\n", strerror(errno));
	memset(der, 0, sizeof der);
}

/* ---- larger messages; what was written to files of the kernel and is not a whole word, or no number; a dictionary for compression ---- */

static void do_larger(void)
{
	static struct { long type; char body[8000]; } m = { 1, { 0 } };
	fill(m.body, sizeof m.body, "msgsg");
	if (msgsnd(msgget(IPC_PRIVATE, 0600), &m, sizeof m.body, IPC_NOWAIT))
		say("large message: %s\n", strerror(errno));
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8000 };
	fill(m.body, sizeof m.body, "mqlrg");
	if (mq_send(mq_open("/marks-large", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr), m.body, sizeof m.body, 0))
		say("large message: %s\n", strerror(errno));
	memset(&m, 0, sizeof m);
	mkdir("/t/tr6", 0700);
	mount("none", "/t/tr6", "tracefs", 0, NULL);
	int part = open("/t/tr6/set_ftrace_filter", O_WRONLY);
	if (part < 0 || write(part, text("trprs", 96), 96) < 0)
		say("part of a filter: %s\n", strerror(errno));
	mkdir("/t/dbg", 0700);
	mount("none", "/t/dbg", "debugfs", 0, NULL);
	int number = open("/t/dbg/fault_around_bytes", O_RDWR);
	if (number < 0)
		say("debugfs: %s\n", strerror(errno));
	else if (write(number, text("simpl", 16), 16) >= 0)
		say("debugfs took it\n");
	char path[96], digits[16] = { 0 };
	int words = open("/t/words", O_CREAT | O_RDWR, 0600), add = open("/sys/class/zram-control/hot_add", O_RDONLY);
	if (write(words, text("zrdic", 2048), 2048) < 0 || add < 0 || read(add, digits, 8) <= 0) {
		say("zram-control: %s\n", strerror(errno));
		return;
	}
	close(words);
	snprintf(path, sizeof path, "/sys/block/zram%d/comp_algorithm", atoi(digits));
	put(path, "zstd");
	snprintf(path, sizeof path, "/sys/block/zram%d/algorithm_params", atoi(digits));
	put(path, "algo=zstd dict=/t/words");
	snprintf(path, sizeof path, "/sys/block/zram%d/disksize", atoi(digits));
	put(path, "1048576");
	snprintf(path, sizeof path, "/dev/zram%d", atoi(digits));
	char *page = map(PAGE);
	int fd = open(path, O_RDWR | O_DIRECT);
	fill(page, PAGE, "zrdic");
	if (fd < 0 || pwrite(fd, page, PAGE, 0) != PAGE || unlink("/t/words"))
		say("zram: %s\n", strerror(errno));
	munmap(page, PAGE);
	forget();
}

/* ---- pages for code of probes and traces, of which the rest is what was there before; a device whose description is marks ---- */

static void do_code_pages(void)
{
	char line[128];
	mkdir("/t/tr7", 0700);
	mount("none", "/t/tr7", "tracefs", 0, NULL);
	int fd = open("/t/tr7/kprobe_events", O_WRONLY | O_APPEND), made = 0;
	for (int i = 8; i < 64 && made < 4; i++) {
		snprintf(line, sizeof line, "p:mk/code%d do_sys_ftruncate+%d\n", i, i);
		if (write(fd, line, strlen(line)) < 0)
			continue;
		snprintf(line, sizeof line, "/t/tr7/events/mk/code%d/enable", i);
		made += put(line, "1") == 0;
	}
	if (!made)
		say("probes: %s\n", strerror(errno));
	mkdir("/t/tr7/instances/code", 0700);
	put("/t/tr7/instances/code/set_ftrace_filter", "ksys_sync");
	put("/t/tr7/instances/code/current_tracer", "function");
}

static void do_description(void)
{
	static struct uhid_event e;
	int fd = open("/dev/uhid", O_RDWR);
	e.type = UHID_CREATE2;
	strcpy((char *)e.u.create2.name, "marks description");
	unsigned char head[] = { 6, 0, 0xff, 9, 1, 0xa1, 1, 0xc0, 0xfe, 240, 0xf1 };
	memcpy(e.u.create2.rd_data, head, sizeof head);
	fill(e.u.create2.rd_data + sizeof head, 240, "hidrd");
	e.u.create2.rd_size = sizeof head + 240;
	e.u.create2.bus = 3;
	e.u.create2.vendor = e.u.create2.product = 0x1236;
	if (fd < 0 || write(fd, &e, sizeof e) < 0)
		say("uhid: %s\n", strerror(errno));
	usleep(300000);
	memset(&e, 0, sizeof e);
}
