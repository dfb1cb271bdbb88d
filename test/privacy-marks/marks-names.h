/* SPDX-License-Identifier: Apache-2.0 */
/* marks-names.h - names and texts of settings: what users give to files, devices, mounts, traces, hosts. Part of marks.c. */

static const char *disk = "/t";

static void do_entries(void)
{
	char path[512], name[256];
	snprintf(path, sizeof path, "/t/%s", text("dnaml", 192));
	mkdir(path, 0700);
	snprintf(path, sizeof path, "/t/%s", text("dnami", 16));
	mkdir(path, 0700);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof path, "/t/%s", text("dnamn", 160));
		access(path, F_OK);
	}
	snprintf(name, sizeof name, "/%s", text("mqnam", 96));
	mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	snprintf(path, sizeof path, "/dev/shm/%s", text("shmnm", 96));
	mkdir("/dev/shm", 0755);
	close(open(path, O_CREAT | O_RDWR, 0600));
	memset(path, 0, sizeof path);
	memset(name, 0, sizeof name);
}

/* a file system on a disk: long and short names, symlinks within the inode and outside, attributes within and outside */
static void do_disk(void)
{
	char path[512];
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof path, "%s/%s", disk, text("edirn", 96));
		close(open(path, O_CREAT | O_RDWR, 0600));
	}
	snprintf(path, sizeof path, "%s/short-link", disk);
	if (symlink(text("elnks", 48), path))
		say("symlink on %s: %s\n", disk, strerror(errno));
	snprintf(path, sizeof path, "%s/long-link", disk);
	symlink(text("elnkl", 480), path);
	snprintf(path, sizeof path, "%s/attributes", disk);
	int fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fsetxattr(fd, "user.mark", text("exats", 64), 64, 0) || fsetxattr(fd, "user.more", text("exatl", 960), 960, 0))
		say("xattr on %s: %s\n", disk, strerror(errno));
	char name[128];
	snprintf(name, sizeof name, "trusted.%s", text("xatnm", 64));
	fsetxattr(fd, name, "x", 1, 0);
	int there = open("/t/xattr-name", O_CREAT | O_RDWR, 0600);
	fsetxattr(there, name, "x", 1, 0);
	for (int i = 0; i < 50; i++) {
		fsetxattr(there, "trusted.gone", text("xattf", 320), 320, 0);
		fremovexattr(there, "trusted.gone");
	}
	memset(path, 0, sizeof path);
	memset(name, 0, sizeof name);
	forget();
}

static void do_inotify(void)
{
	char path[256];
	mkdir("/t/watched", 0700);
	inotify_add_watch(inotify_init(), "/t/watched", IN_CREATE);
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof path, "/t/watched/%s", text("inotf", 96));
		close(open(path, O_CREAT | O_RDWR, 0600));
		unlink(path);
	}
	int fd = syscall(SYS_fanotify_init, 0xc00 /* FAN_REPORT_DFID_NAME */, O_RDONLY);
	if (fd < 0 || syscall(SYS_fanotify_mark, fd, 1 /* ADD */, 0x100ULL | 0x08000000ULL /* CREATE, on children */, AT_FDCWD, disk))
		say("fanotify: %s\n", strerror(errno));
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof path, "%s/%s", disk, text("fanot", 96));
		close(open(path, O_CREAT | O_RDWR, 0600));
		unlink(path);
	}
	memset(path, 0, sizeof path);
}

static void do_memfd(void)
{
	int fd = syscall(SYS_memfd_create, text("mfdnm", 160), 0);
	char *page = map(PAGE);
	for (int i = 0; i < 16; i++) {
		fill(page, PAGE, "mfdat");
		if (write(fd, page, PAGE) != PAGE)
			break;
	}
	memset(page, 0, PAGE);
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
	fd = syscall(SYS_memfd_secret, 0);
	if (fd >= 0 && ftruncate(fd, 16 * PAGE) == 0) {
		char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED)
			fill(p, 16 * PAGE, "mfsec");
	} else
		say("memfd_secret: %s\n", strerror(errno));
	put("/proc/sys/vm/nr_hugepages", "2");
	char *huge = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (huge == MAP_FAILED)
		say("hugetlb: %s\n", strerror(errno));
	else
		fill(huge, 1 << 20, "hugep");
	char *shared = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared != MAP_FAILED)
		fill(shared, 16 * PAGE, "shman");
}

static void do_mounts(void)
{
	char path[512], options[1024];
	mkdir("/t/cg", 0700);
	if (mount("none", "/t/cg", "cgroup2", 0, NULL))
		say("cgroup2: %s\n", strerror(errno));
	snprintf(path, sizeof path, "/t/cg/%s", text("cgnam", 96));
	if (mkdir(path, 0700))
		say("cgroup: %s\n", strerror(errno));
	mkdir("/t/m", 0700);
	if (mount(text("mntsr", 208), "/t/m", "tmpfs", 0, NULL))
		say("mount: %s\n", strerror(errno));
	/* a file of the kernel's that is read in part: its text waits in a buffer */
	int fd = open("/proc/self/mounts", O_RDONLY);
	if (read(fd, path, 10) < 0)
		say("mounts: %s\n", strerror(errno));
	mkdir("/t/ov", 0700);
	mkdir("/t/ov/up", 0700);
	mkdir("/t/ov/work", 0700);
	mkdir("/t/ov/all", 0700);
	char *lower = text("ovlop", 96);
	snprintf(path, sizeof path, "/t/ov/%s", lower);
	mkdir(path, 0700);
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=/t/ov/up,workdir=/t/ov/work", path);
	if (mount("overlay", "/t/ov/all", "overlay", 0, options))
		say("overlay: %s\n", strerror(errno));
	snprintf(path, sizeof path, "/t/ov/all/%s", text("ovlnm", 96));
	close(open(path, O_CREAT | O_RDWR, 0600));
	fd = syscall(430 /* fsopen */, "tmpfs", 0);
	if (fd < 0 || syscall(431 /* fsconfig */, fd, 1, "source", text("fscon", 208), 0))
		say("fsconfig: %s\n", strerror(errno));
	memset(path, 0, sizeof path);
	memset(options, 0, sizeof options);
	forget();
}

static void sleeping_program(void)
{
	char *arguments = strdup(text("argvx", 1024)), *variable = strdup(text("envix", 1024));
	char *argv[] = { "sleep", "100000", NULL, arguments, NULL }, *envp[] = { variable, NULL };
	/* sleep adds up what it is given; sh does not look at more */
	argv[0] = "sh", argv[1] = "-c", argv[2] = "while :; do /bin/busybox sleep 1000; done";
	execve("/bin/busybox", argv, envp);
}

static void do_titles(void)
{
	prctl(PR_SET_NAME, text("comm0", 15));
	child(sleeping_program);
	unsigned long auxv[20];
	fill(auxv, sizeof auxv, "auxv0");
	auxv[18] = auxv[19] = 0;
	if (prctl(PR_SET_MM, 12 /* AUXV */, auxv, sizeof auxv, 0))
		say("auxv: %s\n", strerror(errno));
	memset(auxv, 0, sizeof auxv);
	char *p = map(PAGE);
	if (prctl(0x53564d41 /* PR_SET_VMA */, 0, p, PAGE, text("vmanm", 79)))
		say("name of a mapping: %s\n", strerror(errno));
	forget();
}

static void do_traces(void)
{
	char line[1024], path[512];
	mkdir("/t/tr", 0700);
	if (mount("none", "/t/tr", "tracefs", 0, NULL)) {
		say("tracefs: %s\n", strerror(errno));
		return;
	}
	for (int i = 0; i < 10; i++)
		put("/t/tr/trace_marker", text("trmrk", 320));
	snprintf(line, sizeof line, "p:mk/bad no_such_%s", text("trerr", 96));
	put("/t/tr/kprobe_events", line);
	snprintf(line, sizeof line, "prev_comm == \"%s\" || prev_prio == 7", text("trflt", 96));
	put("/t/tr/events/sched/sched_switch/filter", line);
	snprintf(path, sizeof path, "/t/tr/instances/%s", text("trins", 64));
	if (mkdir(path, 0700))
		say("trace instance: %s\n", strerror(errno));
	snprintf(path, sizeof path, "/t/%s", text("uprob", 96));
	int fd = open(path, O_CREAT | O_RDWR, 0700);
	char *page = map(PAGE);
	memset(page, 0x90, PAGE);
	if (write(fd, page, PAGE) < 0)
		say("uprobe: %s\n", strerror(errno));
	snprintf(line, sizeof line, "p:mk/u %s:0x10", path);
	put("/t/tr/uprobe_events", line);
	put("/t/tr/events/sched/sched_process_exec/enable", "1");
	put("/t/tr/events/sched/sched_switch/enable", "1");
	memset(line, 0, sizeof line);
	memset(path, 0, sizeof path);
	forget();
}

static void do_host(void)
{
	if (unshare(CLONE_NEWUTS) || sethostname(text("hostn", 64), 64) || setdomainname(text("domai", 64), 64))
		say("host name: %s\n", strerror(errno));
	put("/proc/sys/kernel/modprobe", text("mprob", 96));
	put("/dev/kmsg", text("kmsgw", 96));
	int fd = open("/dev/urandom", O_WRONLY);
	if (write(fd, text("rndsd", 48), 48) < 0)
		say("urandom: %s\n", strerror(errno));
	mkdir("/t/bf", 0700);
	char line[256];
	snprintf(line, sizeof line, ":mark:M::%s::/bin/busybox:", text("binfm", 64));
	if (mount("none", "/t/bf", "binfmt_misc", 0, NULL))
		say("binfmt_misc: %s\n", strerror(errno));
	else
		put("/t/bf/register", line);
	memset(line, 0, sizeof line);
	mkdir("/t/cfg", 0700);
	mount("none", "/t/cfg", "configfs", 0, NULL);
	snprintf(line, sizeof line, "/t/cfg/nullb/%s", text("cfgnm", 64));
	if (mkdir(line, 0700))
		say("configfs: %s\n", strerror(errno));
	memset(line, 0, sizeof line);
	forget();
}

/* macros of the keyboard, lines that ran out of a screen, what was selected with the mouse */
static void do_console(void)
{
	struct { unsigned char function; char string[512]; } keys = { .function = 5 };
	mknod("/t/tty4", S_IFCHR | 0600, makedev(4, 4));
	mknod("/t/tty0", S_IFCHR | 0600, makedev(4, 0));
	int fd = open("/t/tty4", O_RDWR | O_NOCTTY);
	memcpy(keys.string, text("kbstr", 96), 97);
	if (fd < 0 || ioctl(fd, 0x4b49 /* KDSKBSENT */, &keys))
		say("keyboard string: %s\n", strerror(errno));
	memset(&keys, 0, sizeof keys);
	for (int i = 0; i < 80; i++)
		if (write(fd, text("scrol", 64), 64) < 0 || write(fd, "\r\n", 2) < 0)
			break;
	int first = open("/t/tty0", O_RDWR | O_NOCTTY);
	if (write(first, "\033[H", 3) < 0 || write(first, text("vsele", 64), 64) < 0)
		say("tty0: %s\n", strerror(errno));
	struct __attribute__((packed)) { char code; unsigned short xs, ys, xe, ye, mode; } select = { 2, 1, 1, 64, 1, 0 };
	if (ioctl(first, TIOCLINUX, &select))
		say("selection: %s\n", strerror(errno));
	forget();
}

/* a loop device, and what a device mapper has of it: names, and the key of an encrypted one */
static void do_devices(void)
{
	int control = open("/dev/loop-control", O_RDWR), number = ioctl(control, LOOP_CTL_GET_FREE), back = open("/t/disk", O_CREAT | O_RDWR, 0600);
	char path[64], hex[80], key[33] = { 0 };
	snprintf(path, sizeof path, "/dev/loop%d", number);
	int loop = open(path, O_RDWR);
	struct loop_info64 info = { 0 };
	if (ftruncate(back, 1 << 20) || loop < 0 || ioctl(loop, LOOP_SET_FD, back)) {
		say("loop: %s\n", strerror(errno));
		return;
	}
	fill(info.lo_file_name, 48, "lonam");
	if (ioctl(loop, LOOP_SET_STATUS64, &info))
		say("loop status: %s\n", strerror(errno));
	memset(&info, 0, sizeof info);
	mknod("/t/dm", S_IFCHR | 0600, makedev(10, 236));
	int dm = open("/t/dm", O_RDWR);
	static struct { struct dm_ioctl d; struct dm_target_spec t; char parameters[512]; } request;
	request.d = (struct dm_ioctl){ .version = { 4, 0, 0 }, .data_size = sizeof request, .data_start = sizeof request.d };
	fill(request.d.name, 96, "dmnam");
	fill(request.d.uuid, 96, "dmuid");
	if (ioctl(dm, DM_DEV_CREATE, &request.d)) {
		say("dm: %s\n", strerror(errno));
		return;
	}
	request.d.uuid[0] = request.d.dev = 0;
	request.d.data_size = sizeof request;
	request.d.data_start = sizeof request.d;
	request.d.target_count = 1;
	request.t = (struct dm_target_spec){ .length = 1024, .target_type = "crypt" };
	fill(key, 32, "dmcky");
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	snprintf(request.parameters, sizeof request.parameters, "aes-cbc-plain %s 0 /dev/loop%d 0", hex, number);
	if (ioctl(dm, DM_TABLE_LOAD, &request.d))
		say("dm-crypt: %s\n", strerror(errno));
	memset(&request, 0, sizeof request);
	memset(hex, 0, sizeof hex);
	memset(key, 0, sizeof key);
}
