/* SPDX-License-Identifier: Apache-2.0 */
/* marks-late.h - stacks of exceptions, values in reports of devices, options behind a mount's, buffers of printers and
 * management controllers, what a core dump says of its process. What the firmware was told (SMBIOS) run.py gives to the machine. Part of marks.c. */

/* ---- registers that an exception left on its own stack: of a program that is stepped through ---- */

static void stepped_registers(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	spin("dbreg");
}

static void do_steps(void)
{
	int status;
	pid_t stepped = child(stepped_registers);
	waitpid(stepped, &status, 0);
	if (ptrace(PTRACE_CONT, stepped, 0, 0))
		say("ptrace: %s\n", strerror(errno));
	usleep(300000);
	kill(stepped, SIGSTOP);
	waitpid(stepped, &status, 0);
	for (int i = 0; i < 64; i++)
		if (ptrace(PTRACE_SINGLESTEP, stepped, 0, 0) || waitpid(stepped, &status, 0) < 0) {
			say("step: %s\n", strerror(errno));
			break;
		}
}

/* ---- a device with keys and a field of its maker's: the last value of each field ---- */

static void do_fields(void)
{
	static const unsigned char descriptor[] = { 5, 1, 9, 6, 0xa1, 1, 6, 0, 0xff, 0x19, 1, 0x29, 64, 0x15, 0, 0x26, 0xff, 0, 0x75, 8, 0x95, 64, 0x81, 2,
		5, 7, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0, 0x25, 1, 0x75, 1, 0x95, 8, 0x81, 2, 0xc0 };
	static struct uhid_event e;
	int fd = open("/dev/uhid", O_RDWR);
	e.type = UHID_CREATE2;
	strcpy((char *)e.u.create2.name, "marks keyboard");
	memcpy(e.u.create2.rd_data, descriptor, e.u.create2.rd_size = sizeof descriptor);
	e.u.create2.bus = 3;
	e.u.create2.vendor = e.u.create2.product = 0x1235;
	if (fd < 0 || write(fd, &e, sizeof e) < 0) {
		say("uhid: %s\n", strerror(errno));
		return;
	}
	usleep(700000);
	memset(&e, 0, sizeof e);
	e.type = UHID_INPUT2;
	e.u.input2.size = 65;
	fill(e.u.input2.data, 64, "hidfv");
	for (int i = 0; i < 2; i++)
		if (write(fd, &e, sizeof e) < 0)
			say("uhid input: %s\n", strerror(errno));
	memset(&e, 0, sizeof e);
}

/* ---- what a call copied whole: the page that has a mount's options, with what lies behind them ---- */

static void cifs_mount(void)
{
	struct sockaddr_in at = local(4951);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	loopback_up();
	bind(listener, (void *)&at, sizeof at);
	listen(listener, 4);
	mkdir("/t/cifs", 0700);
	char *page = map(2 * PAGE);
	fill(page + 1024, PAGE - 1024, "mntdt");
	strcpy(page, "ip=127.0.0.1,port=4951,user=a,pass=b");
	if (mount("//127.0.0.1/x", "/t/cifs", "cifs", 0, page))
		say("cifs: %s\n", strerror(errno));
}

static void do_mount_data(void)
{
	child(cifs_mount);
	usleep(300000);
}

/* ---- a script whose interpreter somebody has to permit: the begin of its file is in the kernel's memory ---- */

static void begin_script(void)
{
	execl("/t/script-of-marks", "script", (char *)NULL);
}

static void do_script(void)
{
	char line[512];
	snprintf(line, sizeof line, "#!/t/interpreter %s\n", text("exbuf", 192));
	int fd = open("/t/script-of-marks", O_CREAT | O_WRONLY, 0700), judge = syscall(SYS_fanotify_init, 4 /* CONTENT */, O_RDONLY);
	if (write(fd, line, strlen(line)) < 0 || close(fd) || (fd = open("/t/interpreter", O_CREAT | O_WRONLY, 0700)) < 0 || write(fd, "x", 1) < 0 || close(fd) ||
	    judge < 0 || syscall(SYS_fanotify_mark, judge, 1 /* ADD */, 0x40000ULL /* OPEN_EXEC_PERM */, AT_FDCWD, "/t/interpreter"))
		say("fanotify: %s\n", strerror(errno));
	memset(line, 0, sizeof line);
	child(begin_script);
	usleep(300000);
	forget();
}

/* ---- a core that is being dumped: what it says of the process's arguments ---- */

static void dump_arguments(void)
{
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };
	char *arguments = map(PAGE);
	setrlimit(RLIMIT_CORE, &core);
	fill(arguments, 80, "psarg");
	if (prctl(PR_SET_MM, 8 /* ARG_START */, arguments, 0, 0) || prctl(PR_SET_MM, 9 /* ARG_END */, arguments + 80, 0, 0))
		say("arguments: %s\n", strerror(errno));
	fill(map(1 << 20), 1 << 20, "cmem1");
	sleep_for_ever();
}

static void do_last_words(void)
{
	int fd = open("/t/sink2", O_CREAT | O_WRONLY, 0700);
	const char *script = "#!/bin/busybox sh\n/bin/busybox sleep 100000\n";
	if (fd < 0 || write(fd, script, strlen(script)) < 0)
		return;
	close(fd);
	put("/proc/sys/kernel/core_pattern", "|/t/sink2");
	pid_t pid = child(dump_arguments);
	sleep(1);
	kill(pid, SIGQUIT);
	sleep(1);
}

/* ---- small things: the vector that a cipher begins with, tags of io_uring's buffers, a key that another key encrypts ---- */

static void do_small(void)
{
	int fd = cipher("skcipher", "cbc(aes)", "none0", 32);
	char control[CMSG_SPACE(4) + CMSG_SPACE(20)] = { 0 }, data[64] = { 0 };
	struct iovec piece = { data, sizeof data };
	struct msghdr m = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ CMSG_LEN(4), 279, 3 /* OP */ };
	*(unsigned *)CMSG_DATA(c) = 1;
	c = CMSG_NXTHDR(&m, c);
	*c = (struct cmsghdr){ CMSG_LEN(20), 279, 2 /* IV */ };
	*(unsigned *)CMSG_DATA(c) = 16;
	fill(CMSG_DATA(c) + 4, 16, "algiv");
	if (fd < 0 || sendmsg(fd, &m, MSG_MORE | MSG_DONTWAIT) < 0)
		say("vector of a cipher: %s\n", strerror(errno));
	memset(control, 0, sizeof control);
	struct io_uring_params p = { 0 };
	static struct iovec buffers[32];
	static uint64_t tags[32];
	struct { unsigned count, flags; uint64_t reserved, data, tags; } reg = { 32, 0, 0, (uintptr_t)buffers, (uintptr_t)tags };
	char *pages = map(32 * PAGE);
	for (int i = 0; i < 32; i++)
		buffers[i] = (struct iovec){ pages + i * PAGE, PAGE };
	fill(tags, sizeof tags, "iotag");
	int ring = syscall(SYS_io_uring_setup, 8, &p);
	if (ring < 0 || syscall(SYS_io_uring_register, ring, 15 /* BUFFERS2 */, &reg, sizeof reg))
		say("tags of io_uring: %s\n", strerror(errno));
	memset(tags, 0, sizeof tags);
	char name[64], order[128];
	snprintf(name, sizeof name, "%s", text("keyen", 32));
	snprintf(order, sizeof order, "new user:%s 32", name);
	if (syscall(SYS_add_key, "user", name, "0123456789abcdef0123456789abcdef", 32, KEY_SPEC_PROCESS_KEYRING) < 0 ||
	    syscall(SYS_add_key, "encrypted", "marks-encrypted", order, strlen(order), KEY_SPEC_PROCESS_KEYRING) < 0)
		say("encrypted key: %s\n", strerror(errno));
	memset(name, 0, sizeof name);
	memset(order, 0, sizeof order);
	forget();
}

/* ---- a printer, a management controller of the machine with a password ---- */

static void do_printer(void)
{
	int fd = open("/dev/lp0", O_WRONLY | O_NONBLOCK);
	if (fd < 0 || write(fd, text("lprin", 2000), 2000) < 0)
		say("lp0: %s\n", strerror(errno));
	forget();
}

static void do_management(void)
{
	int fd = open("/dev/ipmi0", O_RDWR);
	struct { int type; short channel; unsigned char lun; } to = { 0x0c, 0xf, 0 };
	unsigned char password[2 + 16] = { 2, 2 };
	struct { unsigned char *to; unsigned length; long id; struct { unsigned char function, command; unsigned short length; unsigned char *data; } m; } request =
		{ (void *)&to, sizeof to, 1, { 6, 0x47 /* SET_USER_PASSWORD */, sizeof password, password } };
	fill(password + 2, 16, "ipmip");
	if (fd < 0 || ioctl(fd, _IOR('i', 13, request), &request))
		say("ipmi0: %s\n", strerror(errno));
	memset(password, 0, sizeof password);
	sleep(1);
}

/* ---- what a sound card's control says of itself, in a program's own words ---- */

static void do_sound_words(void)
{
	int control = open("/t/snd-control", O_RDWR);
	unsigned char info[272] = { 0 };
	static struct { unsigned number, length; char data[512]; } words = { 0, 512, { 0 } };
	*(unsigned *)(info + 4) = 2;
	strcpy((char *)info + 16, "words");
	*(int *)(info + 64) = 4 /* BYTES */;
	*(unsigned *)(info + 68) = 3 | 3 << 4 /* TLV_READ, TLV_WRITE */;
	*(unsigned *)(info + 72) = 64;
	if (control < 0 || ioctl(control, _IOC(3, 'U', 0x17, sizeof info), info)) {
		say("control: %s\n", strerror(errno));
		return;
	}
	words.number = *(unsigned *)info;
	fill(words.data, 512, "sndtl");
	*(unsigned *)words.data = 0, *(unsigned *)(words.data + 4) = 504;
	if (ioctl(control, _IOWR('U', 0x1b, unsigned[2]), &words))
		say("words of a control: %s\n", strerror(errno));
	memset(&words, 0, sizeof words);
}
