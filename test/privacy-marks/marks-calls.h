/* SPDX-License-Identifier: Apache-2.0 */
/* marks-calls.h - what calls, rings, signals, swap and file systems of programs leave under way. Part of marks.c. */

static void do_splices(void)
{
	int pipes[2], more[2], fd = open("/t/spliced", O_CREAT | O_RDWR, 0600);
	char *page = map(4 * PAGE);
	fill(page, 4 * PAGE, "spli0");
	loff_t at = 0;
	if (pipe2(pipes, O_NONBLOCK) || write(fd, page, 4 * PAGE) < 0 || splice(fd, &at, pipes[1], NULL, 4 * PAGE, SPLICE_F_NONBLOCK) < 0)
		say("splice: %s\n", strerror(errno));
	char *mine = map(4 * PAGE);
	fill(mine, 4 * PAGE, "vmspl");
	struct iovec piece = { mine, 4 * PAGE };
	if (pipe2(more, O_NONBLOCK | O_DIRECT) || vmsplice(more[1], &piece, 1, SPLICE_F_NONBLOCK) < 0)
		say("vmsplice: %s\n", strerror(errno));
	if (write(more[1], text("pipep", 320), 320) < 0)
		say("pipe: %s\n", strerror(errno));
	memset(page, 0, 4 * PAGE);
	forget();
}

/* a full socket, so that sending waits */
static void full_socket(int *ends)
{
	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	while (send(ends[0], "x", 1, MSG_DONTWAIT) > 0)
		;
}

static void blocked_send(void)
{
	int ends[2];
	char control[CMSG_SPACE(4)] = { 0 };
	full_socket(ends);
	struct iovec pieces[20];
	for (int i = 0; i < 20; i++)
		pieces[i] = (struct iovec){ text("sendb", 512), 512 };
	struct msghdr m = { .msg_iov = pieces, .msg_iovlen = 20, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS };
	sendmsg(ends[0], &m, 0);
}

static void blocked_write(void)
{
	int pipes[2];
	if (pipe(pipes) == 0)
		while (write(pipes[1], text("pipew", 5000), 5000) > 0)
			;
}

/* setting an attribute of a file system whose program does not answer, and other requests to it */
static char fuse_path[512];
static void blocked_fuse(void)
{
	setxattr("/t/fuse", "user.mark", text("fusxa", 320), 320, 0);
}
static void blocked_fuse_name(void)
{
	open(fuse_path, O_RDWR);
}

static void do_fuse(void)
{
	static char b[135168];
	mknod("/t/fusedev", S_IFCHR | 0600, makedev(10, 229));
	mkdir("/t/fuse", 0700);
	int fd = open("/t/fusedev", O_RDWR);
	snprintf(b, sizeof b, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || mount(text("fusrc", 64), "/t/fuse", "fuse", 0, b)) {
		say("fuse: %s\n", strerror(errno));
		return;
	}
	struct { unsigned length; int error; unsigned long long unique; unsigned major, minor, readahead, flags; unsigned short bg, threshold;
		unsigned max_write, rest[9]; } answer = { sizeof answer, 0, 0, 7, 31, 4096, 0, 12, 9, 4096, { 0 } };
	if (read(fd, b, sizeof b) < 0)
		say("fuse: %s\n", strerror(errno));
	memcpy(&answer.unique, b + 8, 8);
	if (write(fd, &answer, sizeof answer) < 0)
		say("fuse: %s\n", strerror(errno));
	snprintf(fuse_path, sizeof fuse_path, "/t/fuse/%s", text("fusnm", 96));
	child(blocked_fuse);
	child(blocked_fuse_name);
	memset(fuse_path, 0, sizeof fuse_path);
	memset(b, 0, sizeof b);
	forget();
}

static void do_blocked(void)
{
	child(blocked_send);
	child(blocked_write);
}

/* ---- rings that programs and the kernel share ---- */

static void do_rings(void)
{
	struct io_uring_params p = { 0 };
	int fd = syscall(SYS_io_uring_setup, 64, &p);
	if (fd < 0) {
		say("io_uring: %s\n", strerror(errno));
		return;
	}
	struct io_uring_sqe *sqes = mmap(NULL, 64 * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	char *ring = mmap(NULL, p.sq_off.array + 256, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	fill(sqes + 32, 32 * sizeof *sqes, "iourg");
	char *path = calloc(1, 4096);
	snprintf(path, 4096, "/t/%s", text("iopth", 208));
	mkdir(path, 0700);
	strcat(path, "/fifo");
	mkfifo(path, 0600);
	int ends[2];
	full_socket(ends);
	struct sockaddr_un *to = calloc(1, sizeof *to);
	to->sun_family = AF_UNIX;
	fill(to->sun_path + 1, 96, "iomsg");
	int other = socket(AF_UNIX, SOCK_DGRAM, 0), from = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind(other, (void *)to, 3 + 96);
	while (sendto(from, "x", 1, MSG_DONTWAIT, (void *)to, 3 + 96) > 0)
		;
	static struct iovec piece = { "xyz", 3 };
	static struct msghdr m;
	m = (struct msghdr){ .msg_name = to, .msg_namelen = 3 + 96, .msg_iov = &piece, .msg_iovlen = 1 };
	sqes[0] = (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)path, .open_flags = O_RDONLY, .flags = IOSQE_ASYNC };
	sqes[1] = (struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG, .fd = from, .addr = (uintptr_t)&m };
	unsigned *array = (void *)(ring + p.sq_off.array), *tail = (void *)(ring + p.sq_off.tail);
	array[0] = 0, array[1] = 1;
	__atomic_store_n(tail, 2, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 2, 0, 0, NULL, 0) != 2)
		say("io_uring: %s\n", strerror(errno));
	usleep(100000);
	memset(path, 0, 4096);
	memset(to, 0, sizeof *to);
	char *buffers = map(16 * PAGE);
	struct iovec registered = { buffers, 16 * PAGE };
	fill(buffers, 16 * PAGE, "iobuf");
	syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &registered, 1);
	unsigned long context = 0;
	if (syscall(SYS_io_setup, 128, &context))
		say("aio: %s\n", strerror(errno));
	else
		fill((char *)context + 1024, 2048, "aioev");
	forget();
}

static void do_perf(void)
{
	char path[256];
	struct perf_event_attr a = { .type = 1, .size = sizeof a, .config = 9 /* DUMMY */, .mmap = 1, .comm = 1, .task = 1, .sample_id_all = 1 };
	int fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
	if (fd < 0 || mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED) {
		say("perf: %s\n", strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "/t/%s", text("perfr", 96));
	int file = open(path, O_CREAT | O_RDWR, 0700);
	if (ftruncate(file, PAGE))
		return;
	for (int i = 0; i < 5; i++)
		munmap(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0), PAGE);
	memset(path, 0, sizeof path);
	forget();
}

/* ---- signals, registers ---- */

static void do_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < 20; i++) {
		siginfo_t info = { 0 };
		info.si_signo = SIGRTMIN + 2;
		info.si_code = -42;
		fill((char *)&info + 16, 32, "sigqu");
		if (syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN + 2, &info))
			say("sigqueue: %s\n", strerror(errno));
		memset(&info, 0, sizeof info);
	}
}

/* registers of a process that sleeps in a call, general ones and vectors */
static void sleeping_registers(void)
{
#if defined __x86_64__
	uint64_t r[4] = { 0 };
	char vector[32];
	mark_cell((char *)r, "rslep", serial++);
	mark_cell((char *)(r + 2), "rslep", serial++);
	fill(vector, 32, "xmmre");
	__asm__ volatile("movups (%4), %%xmm7\n movups 16(%4), %%xmm8\n mov %0, %%r15\n mov %1, %%r14\n mov %2, %%r13\n mov %3, %%r12\n"
			 "1: mov $34, %%eax\n syscall\n jmp 1b\n" : : "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]), "r"(vector)
			 : "rax", "rcx", "r11", "r12", "r13", "r14", "r15", "memory");
#elif defined __aarch64__
	uint64_t r[4] = { 0 };
	char vector[32];
	mark_cell((char *)r, "rslep", serial++);
	mark_cell((char *)(r + 2), "rslep", serial++);
	fill(vector, 32, "xmmre");
	__asm__ volatile("ldp q7, q8, [%4]\n mov x20, %0\n mov x21, %1\n mov x22, %2\n mov x23, %3\n"
			 "1: mov x0, #0\n mov x1, #0\n mov x2, #0\n mov x3, #0\n mov x4, #0\n mov x8, #73\n svc #0\n b 1b\n"
			 : : "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]), "r"(vector)
			 : "x0", "x1", "x2", "x3", "x4", "x8", "x20", "x21", "x22", "x23", "v7", "v8", "memory");
#endif
}

static void traced_registers(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	spin("ptreg");
}

static void do_registers(void)
{
	child(sleeping_registers);
	pid_t traced = child(traced_registers);
	usleep(300000);
	kill(traced, SIGSTOP);
	waitpid(traced, NULL, WUNTRACED);
	unsigned long some[64];
	struct iovec set = { some, sizeof some };
	if (ptrace(0x4204 /* GETREGSET */, traced, 1, &set))
		say("ptrace: %s\n", strerror(errno));
	memset(some, 0, sizeof some);
}

/* ---- keys ---- */

static void do_more_keys(void)
{
	long ring = KEY_SPEC_PROCESS_KEYRING;
	if (syscall(SYS_add_key, "logon", "mark:one", text("logon", 64), 64, ring) < 0)
		say("logon key: %s\n", strerror(errno));
	if (syscall(SYS_add_key, "big_key", "marks", text("bigky", 4000), 4000, ring) < 0)
		say("big key: %s\n", strerror(errno));
	syscall(SYS_add_key, "user", text("keyds", 96), "x", 1, ring);
	syscall(SYS_add_key, "keyring", text("kring", 96), NULL, 0, ring);
	long id = syscall(SYS_add_key, "user", "unlinked", text("keyul", 640), 640, ring);
	syscall(SYS_keyctl, KEYCTL_UNLINK, id, ring);
	id = syscall(SYS_add_key, "user", "revoked", text("keyrv", 640), 640, ring);
	syscall(SYS_keyctl, KEYCTL_REVOKE, id);
	forget();
}

/* ---- swap: pages on their way to zram ---- */

static void do_swap(void)
{
	char *page = map(PAGE), path[64];
	int number = -1, add = open("/sys/class/zram-control/hot_add", O_RDONLY);
	if (add < 0 || read(add, path, 8) <= 0) {
		say("zram-control: %s\n", strerror(errno));
		return;
	}
	number = atoi(path);
	snprintf(path, sizeof path, "/sys/block/zram%d/disksize", number);
	put(path, "16777216");
	snprintf(path, sizeof path, "/dev/zram%d", number);
	int fd = open(path, O_RDWR);
	*(unsigned *)(page + 1024) = 1;
	*(unsigned *)(page + 1028) = 4095;
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	if (write(fd, page, PAGE) != PAGE || fsync(fd) || syscall(SYS_swapon, path, 0)) {
		say("swap: %s\n", strerror(errno));
		return;
	}
	char *memory = map(512 * PAGE);
	for (int i = 0; i < 512; i++)
		fill(memory + i * PAGE, i & 1 ? PAGE : 1024, "swpdt");
	madvise(memory, 512 * PAGE, 21 /* PAGEOUT */);
	volatile char sum = 0;
	for (int i = 0; i < 64; i++)
		sum += memory[i * PAGE];
}

/* ---- further BPF maps ---- */

static void do_more_maps(void)
{
	static char value[64 * 512], key[64];
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_MEMLOCK, &all);
	int fd = map_of(23 /* STACK */, 0, 160, 8, 0);
	for (int i = 0; i < 4; i++) {
		fill(value, 160, "bpfst");
		map_set(fd, NULL, value);
	}
	fd = map_of(10 /* LRU_PERCPU_HASH */, 32, 160, 8, 0);
	fill(key, 32, "bpflc");
	fill(value, sizeof value, "bpflc");
	map_set(fd, key, value);
	fd = map_of(BPF_MAP_TYPE_ARRAY, 4, 8192, 2, 1024 /* MMAPABLE */);
	memset(key, 0, sizeof key);
	fill(value, 8192, "bpfmm");
	map_set(fd, key, value);
	fd = map_of(31 /* USER_RINGBUF */, 0, 0, 8192, 0);
	char *ring = fd < 0 ? MAP_FAILED : mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	if (ring != MAP_FAILED)
		fill(ring + PAGE, PAGE, "bpfur");
	memset(value, 0, sizeof value);
	memset(key, 0, sizeof key);
}
