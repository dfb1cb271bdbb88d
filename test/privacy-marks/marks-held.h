/* SPDX-License-Identifier: Apache-2.0 */
/* marks-held.h - what the kernel holds for programs in places that few think of: memory kept from it, images for kexec, old stacks,
 * storage of BPF programs, questions for keys, passwords, keys of protocols, queues of devices, numbers. Part of marks.c. */

/* memory that the command line keeps from the kernel (memmap=8M$224M), which a program uses through /dev/mem */
static void do_kept(void)
{
	mknod("/t/mem", S_IFCHR | 0600, makedev(1, 1));
	int fd = open("/t/mem", O_RDWR);
	char *p = fd < 0 ? MAP_FAILED : mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 224 << 20);
	if (p == MAP_FAILED)
		say("memory kept from the kernel: %s\n", strerror(errno));
	else
		fill(p, 64 * PAGE, "resmm");
}

/* a kernel that waits for `kexec -e`, with its initramfs */
static void do_kexec(void)
{
#if defined __aarch64__
	unsigned long at = 0x44000000, arch = 183 << 16;
#else
	unsigned long at = 0x4000000, arch = 62 << 16;
#endif
	struct { void *from; size_t length; unsigned long to; size_t room; } segment = { map(64 * PAGE), 64 * PAGE, at, 64 * PAGE };
	fill(segment.from, 64 * PAGE, "kexld");
	if (syscall(SYS_kexec_load, at, 1, &segment, arch))
		say("kexec_load: %s\n", strerror(errno));
}

/* an address that a call copies to its stack, where nothing overwrites it: of a task that sleeps, and of many that have ended */
static void use_stack(const char *kind)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	fill(to.sun_path + 1, 96, kind);
	connect(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&to, sizeof to);
}

static void sleeping_stack(void)
{
	use_stack("stkol");
	sleep_for_ever();
}

static void ended_stack(void)
{
	use_stack("stkfr");
}

static void waiting_sender(void)
{
	int ends[2];
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	fill(to.sun_path + 1, 96, "stsnd");
	full_socket(ends);
	int other = socket(AF_UNIX, SOCK_DGRAM, 0), from = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind(other, (void *)&to, 3 + 96);
	for (;;)
		sendto(from, "x", 1, 0, (void *)&to, 3 + 96);
}

/* what a call was asked with, before somebody decides whether it may be done */
static void asked_call(void)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 }, { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 999 },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF }, { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog program = { 4, code };
	uint64_t words[6];
	fill(words, sizeof words, "seccn");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0)
		say("seccomp: %s\n", strerror(errno));
	syscall(999, words[0], words[1], words[2], words[3], words[4], words[5]);
}

static void do_stacks(void)
{
	for (int i = 0; i < 4; i++)
		child(sleeping_stack);
	child(waiting_sender);
	child(asked_call);
	for (int i = 0; i < 40; i++)
		waitpid(child(ended_stack), NULL, 0);
}

/* ---- BPF: storage beside sockets, inodes, tasks, cgroups; keys of maps whose values are pointers ---- */

static int types_of_storage(void)
{
	struct { unsigned short magic; unsigned char version, flags; unsigned head, at, length, strings, string_length; unsigned types[10]; char names[5]; } b = {
		0xeb9f, 1, 0, 24, 0, 40, 40, 5, { 1, 1 << 24, 4, 32, 0, 3 << 24, 0, 1, 1, 40 }, "\0int" };
	union bpf_attr attr = { 0 };
	attr.btf = (uintptr_t)&b;
	attr.btf_size = 24 + 40 + 5;
	return syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof attr);
}

static void do_storage(void)
{
	static char value[160];
	mkdir("/t/cg2", 0700);
	mount("none", "/t/cg2", "cgroup2", 0, NULL);
	int types = types_of_storage();
	struct { unsigned type; int key; const char *mark; } maps[] = {
		{ 24, socket(AF_INET, SOCK_DGRAM, 0), "bpfsk" }, { 28, open("/t/storage", O_CREAT | O_RDWR, 0600), "bpfin" },
		{ 29, syscall(434 /* pidfd_open */, getpid(), 0), "bpftk" }, { 32, open("/t/cg2", O_RDONLY), "bpfcg" } };
	for (unsigned i = 0; i < sizeof maps / sizeof *maps; i++) {
		union bpf_attr attr = { .map_type = maps[i].type, .key_size = 4, .value_size = sizeof value, .map_flags = BPF_F_NO_PREALLOC };
		attr.btf_fd = types;
		attr.btf_key_type_id = 1;
		attr.btf_value_type_id = 2;
		int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
		if (fd < 0)
			say("bpf storage %d: %s\n", maps[i].type, strerror(errno));
		fill(value, sizeof value, maps[i].mark);
		map_set(fd, &maps[i].key, value);
	}
	/* memory that a program shares with BPF programs */
	union bpf_attr attr = { .map_type = 33 /* ARENA */, .max_entries = 16, .map_flags = 1024 };
	int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
	char *arena = fd < 0 ? MAP_FAILED : mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (arena == MAP_FAILED)
		say("bpf arena: %s\n", strerror(errno));
	else
		fill(arena, 4 * PAGE, "bpfan");
}

static void do_map_keys(void)
{
	char key[32];
	int ends[2];
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH_OF_MAPS, .key_size = 32, .value_size = 4, .max_entries = 8 };
	int inner = map_of(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	attr.inner_map_fd = inner;
	fill(key, 32, "bpfhm");
	map_set(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), key, &inner);
	if (connection(0, 4021, ends) < 0)
		return;
	fill(key, 32, "bpfsh");
	map_set(map_of(BPF_MAP_TYPE_SOCKHASH, 32, 4, 8, 0), key, ends);
	fill(key, 32, "bpflo");
	attr = (union bpf_attr){ .map_type = BPF_MAP_TYPE_LPM_TRIE, .key_size = 36, .value_size = 8, .max_entries = 8, .map_flags = BPF_F_NO_PREALLOC };
	struct { unsigned bits; char key[32]; } prefix = { 256, { 0 } };
	memcpy(prefix.key, key, 32);
	map_set(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), &prefix, key);
}

/* ---- keys and passwords ---- */

static void asking(void)
{
	syscall(SYS_request_key, "user", "marks-asked", text("rqkey", 640), KEY_SPEC_PROCESS_KEYRING);
	say("request_key: %s\n", strerror(errno));
}

/* who asks for a key that a program in user space has to make, with what that program needs for it */
static void do_asked(void)
{
	const char *script = "#!/bin/busybox sh\nwhile :; do /bin/busybox sleep 1000; done\n";
	int fd = open("/sbin/request-key", O_CREAT | O_WRONLY, 0700);
	if (fd < 0 || write(fd, script, strlen(script)) < 0)
		say("request-key: %s\n", strerror(errno));
	close(fd);
	child(asking);
	usleep(500000);
}

static void do_passwords(void)
{
	int fd = syscall(430 /* fsopen */, "cifs", 0);
	if (fd < 0 || syscall(431 /* fsconfig */, fd, 1, "source", "//127.0.0.1/x", 0) || syscall(431, fd, 1, "user", text("cifsu", 96), 0) ||
	    syscall(431, fd, 1, "pass", text("cifsp", 96), 0) || syscall(431, fd, 1, "domain", text("cifsd", 96), 0))
		say("cifs: %s\n", strerror(errno));
	static struct { struct fscrypt_add_key_arg a; char raw[64]; } key;
	key.a.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
	memset(key.a.key_spec.u.descriptor, 7, 8);
	key.a.raw_size = 64;
	fill(key.a.raw, 64, "fscrk");
	if (ioctl(open(disk, O_RDONLY), FS_IOC_ADD_ENCRYPTION_KEY, &key))
		say("fscrypt: %s\n", strerror(errno));
}

static int generic_family(const char *name)
{
	struct { unsigned char command, version; unsigned short reserved; } g = { 3, 1, 0 };
	ask_begin(16 /* GENL_ID_CTRL */, 0, &g, sizeof g);
	ask_add(2, name, strlen(name) + 1);
	if (ask_send(socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)))
		return -1;
	for (struct nlattr *a = (void *)(ask.b + 4); (char *)a < (char *)&ask + ask.h.nlmsg_len && a->nla_len; a = (void *)((char *)a + NLA_ALIGN(a->nla_len)))
		if (a->nla_type == 1)
			return *(unsigned short *)(a + 1);
	return -1;
}

static void do_secrets(void)
{
	struct { unsigned char command, version; unsigned short reserved; } g = { 1, 1, 0 };
	unsigned key_id = 7;
	unsigned char length = 64, algorithm = 2;
	int family = generic_family("SEG6");
	ask_begin(family, 0, &g, sizeof g);
	ask_add(3, &key_id, 4);
	ask_add(5, &length, 1);
	ask_add(6, &algorithm, 1);
	ask_add(4, text("sg6hm", 64), 64);
	int error = family < 0 ? ENOENT : ask_send(socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC));
	if (error)
		say("seg6 secret: %s\n", strerror(error));
	struct { struct sockaddr_storage addr; char name[64]; int ifindex; unsigned flags; unsigned short reserved;
		unsigned char prefix, send_id, receive_id, mac, key_flags, length; char key[80]; } ao = {
		.name = "hmac(sha1)", .prefix = 32, .send_id = 9, .receive_id = 9, .length = 80 };
	struct sockaddr_in peer = local(0);
	memcpy(&ao.addr, &peer, sizeof peer);
	fill(ao.key, 80, "tcpao");
	if (setsockopt(socket(AF_INET, SOCK_STREAM, 0), IPPROTO_TCP, 38 /* TCP_AO_ADD_KEY */, &ao, sizeof ao))
		say("tcp ao: %s\n", strerror(errno));
	struct { int id; unsigned short number, length; char key[64]; } auth = { 0, 5, 64, { 0 } };
	fill(auth.key, 64, "sctak");
	int sctp = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP), on[2] = { 0, 1 };
	setsockopt(sctp, 132, 129 /* AUTH_SUPPORTED */, on, sizeof on);
	if (setsockopt(sctp, 132, 23 /* SCTP_AUTH_KEY */, &auth, sizeof auth))
		say("sctp key: %s\n", strerror(errno));
}

/* ---- audit: the address that a call named stays with its task ---- */

static void audited_call(void)
{
	use_stack("audsa");
	sleep_for_ever();
}

static void do_audited(void)
{
	struct audit_status on = { .mask = AUDIT_STATUS_ENABLED, .enabled = 1 };
	ask_begin(AUDIT_SET, 0, &on, sizeof on);
	int error = ask_send(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
	if (error)
		say("audit on: %s\n", strerror(error));
	child(audited_call);
	usleep(200000);
}

/* ---- network: what actions say, addresses of version 6, further protocols ---- */

static void do_actions(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), none[5] = { 0, 0, 3, 0, 0 };
	struct tcamsg t = { 0 };
	ask_begin(RTM_NEWACTION, NLM_F_CREATE, &t, sizeof t);
	struct nlattr *all_of = ask_add(1, NULL, 0), *one = ask_add(1, NULL, 0);
	ask_add(1, "simple", 7);
	struct nlattr *options = ask_add(2, NULL, 0);
	ask_add(2, none, sizeof none);
	char said[33] = { 0 };
	fill(said, 32, "tcsim");
	said[31] = 0;
	ask_add(3, said, 32);
	ask_end(options);
	ask_add(6, text("tccky", 16), 16);
	ask_end(one);
	ask_end(all_of);
	int error = ask_send(route);
	if (error)
		say("action: %s\n", strerror(error));
}

static void do_ipv6(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), error, lo = if_nametoindex("lo");
	struct ifaddrmsg a = { .ifa_family = AF_INET6, .ifa_prefixlen = 128, .ifa_index = lo };
	ask_begin(RTM_NEWADDR, NLM_F_CREATE, &a, sizeof a);
	char *address = text("ip6ad", 16);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	memcpy(&to.sin6_addr, address, 16);
	ask_add(IFA_LOCAL, address, 16);
	if ((error = ask_send(route)))
		say("ipv6 address: %s\n", strerror(error));
	if (connect(socket(AF_INET6, SOCK_DGRAM, 0), (void *)&to, sizeof to))
		say("ipv6 socket: %s\n", strerror(errno));
	struct rtmsg r = { .rtm_family = AF_INET6, .rtm_dst_len = 128, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = 4, .rtm_type = RTN_UNICAST };
	ask_begin(RTM_NEWROUTE, NLM_F_CREATE, &r, sizeof r);
	ask_add(RTA_DST, text("ip6rt", 16), 16);
	ask_add(RTA_OIF, &lo, 4);
	if ((error = ask_send(route)))
		say("ipv6 route: %s\n", strerror(error));
	char line[64] = { 0 };
	unsigned char *secret = (void *)text("ip6st", 16);
	for (int i = 0; i < 16; i++)
		snprintf(line + strlen(line), 8, i % 2 && i < 15 ? "%02x:" : "%02x", secret[i]);
	put("/proc/sys/net/ipv6/conf/lo/stable_secret", line);
}

static void do_protocols(void)
{
	int pair[2], one = 1, udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = local(4031);
	setsockopt(udp, IPPROTO_UDP, 1 /* UDP_CORK */, &one, sizeof one);
	if (sendto(udp, text("udpco", 640), 640, 0, (void *)&to, sizeof to) < 0)
		say("corked udp: %s\n", strerror(errno));
	if (socketpair(30 /* AF_TIPC */, SOCK_SEQPACKET, 0, pair) || send(pair[0], text("tipcm", 640), 640, MSG_DONTWAIT) < 0)
		say("tipc: %s\n", strerror(errno));
	int rds = socket(21 /* AF_RDS */, SOCK_SEQPACKET, 0);
	if (rds < 0 || bind(rds, (void *)&to, sizeof to) || sendto(rds, text("rdsms", 640), 640, MSG_DONTWAIT, (void *)&to, sizeof to) < 0)
		say("rds: %s\n", strerror(errno));
	/* who waits for a message, and how he is told */
	char cookie[32];
	fill(cookie, 32, "mqnot");
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_signo = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), .sigev_value.sival_ptr = cookie };
	mqd_t q = mq_open("/marks-told", O_CREAT | O_RDWR, 0600, NULL);
	if (syscall(SYS_mq_notify, q, &event))
		say("mq_notify: %s\n", strerror(errno));
}

static void waiting_control(void)
{
	int ends[2];
	static char control[CMSG_SPACE(640)];
	full_socket(ends);
	struct iovec piece = { "x", 1 };
	struct msghdr m = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ CMSG_LEN(640), 12345, 1 };
	fill(CMSG_DATA(c), 640, "sendc");
	sendmsg(ends[0], &m, 0);
}

static void do_ancillary(void)
{
	child(waiting_control);
	usleep(100000);
}

/* ---- devices ---- */

/* a keyboard or reader of cards that a program plays, and what it said, which nobody has read */
static void do_hid(void)
{
	static const unsigned char descriptor[] = { 6, 0, 0xff, 9, 1, 0xa1, 1, 0x15, 0, 0x26, 0xff, 0, 0x75, 8, 0x95, 64, 9, 1, 0x81, 2, 9, 2, 0x75, 8, 0x95, 64, 0x91, 2, 0xc0 };
	static struct uhid_event e;
	int fd = open("/dev/uhid", O_RDWR);
	e.type = UHID_CREATE2;
	fill(e.u.create2.name, 96, "uhidn");
	memcpy(e.u.create2.rd_data, descriptor, e.u.create2.rd_size = sizeof descriptor);
	e.u.create2.bus = 3;
	e.u.create2.vendor = e.u.create2.product = 0x1234;
	if (fd < 0 || write(fd, &e, sizeof e) < 0) {
		say("uhid: %s\n", strerror(errno));
		return;
	}
	usleep(500000);
	int raw = open("/dev/hidraw0", O_RDWR);
	if (raw < 0)
		say("hidraw: %s\n", strerror(errno));
	for (int i = 0; i < 8; i++) {
		memset(&e, 0, sizeof e);
		e.type = UHID_INPUT2;
		fill(e.u.input2.data, e.u.input2.size = 64, "hidrw");
		if (write(fd, &e, sizeof e) < 0)
			say("uhid input: %s\n", strerror(errno));
	}
	char out[65] = { 0 };
	fill(out + 1, 64, "hidou");
	if (write(raw, out, 65) < 0)
		say("hidraw output: %s\n", strerror(errno));
}

static void asks_for_mount(void)
{
	char path[128];
	snprintf(path, sizeof path, "/t/auto/%s", text("autof", 96));
	setpgid(0, 0);
	open(path, O_RDONLY);
	say("autofs: %s\n", strerror(errno));
}

static void do_autofs(void)
{
	int pipes[2];
	char options[96];
	mkdir("/t/auto", 0700);
	setpgid(0, 0);
	if (pipe(pipes))
		return;
	snprintf(options, sizeof options, "fd=%d,pgrp=%d,minproto=5,maxproto=5,indirect", pipes[1], getpgrp());
	if (mount("auto", "/t/auto", "autofs", 0, options))
		say("autofs: %s\n", strerror(errno));
	else
		child(asks_for_mount);
	usleep(200000);
}

static void write_disk(const char *path, const char *kind)
{
	char *page = map(PAGE);
	int fd = open(path, O_RDWR | O_DIRECT);
	for (int i = 0; i < 16; i++) {
		fill(page, PAGE, kind);
		if (pwrite(fd, page, PAGE, i * PAGE) != PAGE) {
			say("%s: %s\n", path, strerror(errno));
			break;
		}
	}
}

static void do_disks(void)
{
	write_disk("/dev/ram0", "brdpg");
	write_disk("/dev/sda", "scsid");
	mkdir("/t/cfg2", 0700);
	mount("none", "/t/cfg2", "configfs", 0, NULL);
	if (mkdir("/t/cfg2/nullb/marks", 0700) || put("/t/cfg2/nullb/marks/memory_backed", "1") || put("/t/cfg2/nullb/marks/power", "1"))
		return;
	usleep(300000);
	write_disk(access("/dev/marks", F_OK) ? "/dev/nullb1" : "/dev/marks", "nulbd");
}

/* what is printed at a terminal that is the log: a line that is not yet whole */
static void do_ttyprintk(void)
{
	mknod("/t/ttyprintk", S_IFCHR | 0600, makedev(5, 3));
	int fd = open("/t/ttyprintk", O_RDWR | O_NOCTTY);
	if (fd < 0 || write(fd, text("ttprk", 320), 320) < 0)
		say("ttyprintk: %s\n", strerror(errno));
	sleep(1);
}

/* ---- filters, numbers ---- */

static void do_filters(void)
{
	char line[512] = { 0 }, path[128];
	struct perf_event_attr a = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof a };
	int fd = open("/t/tr/events/sched/sched_switch/id", O_RDONLY);
	if (fd < 0 || read(fd, line, 32) < 0) {
		say("tracefs: %s\n", strerror(errno));
		return;
	}
	a.config = atoi(line);
	snprintf(line, sizeof line, "prev_comm == \"%s\"", text("perff", 96));
	fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_FILTER, line))
		say("perf filter: %s\n", strerror(errno));
	if (put("/t/tr/events/sched/sched_process_exec/trigger", "hist:keys=filename:sort=hitcount"))
		return;
	snprintf(path, sizeof path, "/t/%s", text("trhis", 96));
	if (symlink("/bin/busybox", path))
		say("histogram: %s\n", strerror(errno));
	if (fork() == 0) {
		execl(path, "true", (char *)NULL);
		_exit(1);
	}
	sleep(1);
	put("/t/tr/events/sched/sched_process_exec/trigger", "hist:keys=filename:pause");
}

/* numbers that programs may choose as they like, in fields one behind the other */
static void do_numbers(void)
{
	uint64_t words[2];
	fill(words, 16, "rlimt");
	struct rlimit one = { 0, words[0] }, two = { words[1], 0x7fffffffffffffff };
	if (setrlimit(RLIMIT_MSGQUEUE, &one) || setrlimit(RLIMIT_NICE, &two))
		say("rlimits: %s\n", strerror(errno));
	fill(words, 16, "sigas");
	stack_t stack = { (void *)words[0], 0, words[1] };
	if (syscall(SYS_sigaltstack, &stack, NULL))
		say("sigaltstack: %s\n", strerror(errno));
	fill(words, 16, "perfc");
	struct perf_event_attr a = { .type = 1, .size = sizeof a, .config = 9, .config1 = words[0], .config2 = words[1] };
	if (syscall(SYS_perf_event_open, &a, 0, -1, -1, 0) < 0)
		say("perf: %s\n", strerror(errno));
}

/* ---- a machine of one processor, which this one is the host of: its memory, its registers ---- */

static void do_guest(void)
{
#if defined __x86_64__
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);
	char *memory = map(16 * PAGE);
	fill(memory + PAGE, 15 * PAGE, "kvmmm");
	memory[0] = (char)0xf4; /* hlt */
	struct kvm_userspace_memory_region region = { 0, 0, 0, 16 * PAGE, (uintptr_t)memory };
	int cpu = vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	struct kvm_sregs segments;
	struct kvm_regs registers = { .rflags = 2 };
	struct kvm_fpu vectors;
	if (cpu < 0 || ioctl(cpu, KVM_GET_SREGS, &segments) || ioctl(cpu, KVM_GET_FPU, &vectors)) {
		say("kvm: %s\n", strerror(errno));
		return;
	}
	segments.cs.base = segments.cs.selector = 0;
	fill(&registers.r8, 64, "kvmrg");
	fill(vectors.xmm, 256, "kvmxm");
	if (ioctl(cpu, KVM_SET_SREGS, &segments) || ioctl(cpu, KVM_SET_REGS, &registers) || ioctl(cpu, KVM_SET_FPU, &vectors) || ioctl(cpu, KVM_RUN, 0))
		say("kvm: %s\n", strerror(errno));
	memset(&registers, 0, sizeof registers);
	memset(&vectors, 0, sizeof vectors);
#endif
}
