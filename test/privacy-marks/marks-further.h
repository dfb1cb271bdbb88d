/* SPDX-License-Identifier: Apache-2.0 */
/* marks-further.h - a file system in its own caches, keys of radio links, screens in memory. Part of marks.c. */

/* ---- squashfs: an image without compression, with one file, whose end lies in a fragment ---- */

static unsigned char image[8192];
static unsigned image_end;

static void image_put(uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		image[image_end++] = (unsigned char)(value >> (8 * i));
}

/* a block of metadata that is not compressed begins with its length */
static unsigned image_block(unsigned length)
{
	image_put(length | 0x8000, 2);
	return image_end - 2;
}

static void do_squashfs(void)
{
	char name[64] = { 0 }, path[128], one[64];
	fill(name, 32, "sqnam");
	image_end = 96;
	fill(image + image_end, 512, "sqfrg");
	image_end += 512;
	unsigned inodes = image_block(64);
	image_put(2, 2), image_put(0644, 2), image_put(0, 8), image_put(1, 4);
	image_put(0, 4), image_put(0, 4), image_put(0, 4), image_put(512, 4);
	image_put(1, 2), image_put(0755, 2), image_put(0, 8), image_put(2, 4);
	image_put(0, 4), image_put(2, 4), image_put(12 + 8 + 32 + 3, 2), image_put(0, 2), image_put(3, 4);
	unsigned directory = image_block(12 + 8 + 32);
	image_put(0, 4), image_put(0, 4), image_put(1, 4);
	image_put(0, 2), image_put(0, 2), image_put(2, 2), image_put(31, 2);
	memcpy(image + image_end, name, 32);
	image_end += 32;
	unsigned fragments = image_block(16);
	image_put(96, 8), image_put(512 | 1 << 24, 4), image_put(0, 4);
	unsigned fragment_index = image_end;
	image_put(fragments, 8);
	unsigned ids = image_block(4);
	image_put(0, 4);
	unsigned id_index = image_end;
	image_put(ids, 8);
	unsigned used = image_end;
	image_end = 0;
	image_put(0x73717368, 4), image_put(2, 4), image_put(0, 4), image_put(131072, 4), image_put(1, 4);
	image_put(1, 2), image_put(17, 2), image_put(0x20b, 2), image_put(1, 2), image_put(4, 2), image_put(0, 2);
	image_put(32, 8), image_put(used, 8), image_put(id_index, 8), image_put(~0ULL, 8);
	image_put(inodes, 8), image_put(directory, 8), image_put(fragment_index, 8), image_put(~0ULL, 8);
	int back = open("/t/squashfs", O_CREAT | O_RDWR, 0600), control = open("/dev/loop-control", O_RDWR);
	int number = ioctl(control, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof path, "/dev/loop%d", number);
	int loop = open(path, O_RDWR);
	mkdir("/t/sq", 0700);
	if (write(back, image, sizeof image) < 0 || ioctl(loop, LOOP_SET_FD, back) || mount(path, "/t/sq", "squashfs", MS_RDONLY, NULL))
		say("squashfs: %s\n", strerror(errno));
	memset(image, 0, sizeof image);
	snprintf(path, sizeof path, "/t/sq/%.32s", name);
	int file = open(path, O_RDONLY);
	if (file < 0 || read(file, one, sizeof one) < 0)
		say("file in squashfs: %s\n", strerror(errno));
	memset(path, 0, sizeof path);
	memset(name, 0, sizeof name);
	memset(one, 0, sizeof one);
}

/* ---- Bluetooth: a controller that a program plays to the end, and a key of a device that it is paired with ---- */

static int played;

static void play_controller(void)
{
	unsigned char b[1024], r[260];
	for (;;) {
		ssize_t n = read(played, b, sizeof b);
		if (n < 4 || b[0] != 1) {
			if (n < 0 && errno != EAGAIN)
				return;
			usleep(2000);
			continue;
		}
		unsigned opcode = b[1] | b[2] << 8;
		memset(r, 0, sizeof r);
		r[0] = 4, r[1] = 14, r[2] = 3 + 1 + 68, r[3] = 1, r[4] = b[1], r[5] = b[2];
		if (opcode == 0x1009) /* the address */
			memcpy(r + 7, "\x11\x22\x33\x44\x55\x66", 6);
		else if (opcode == 0x1005) /* sizes and numbers of buffers */
			r[7] = 0xfd, r[8] = 3, r[9] = 64, r[10] = 8, r[12] = 8;
		if (write(played, r, 3 + r[2]) < 0)
			return;
	}
}

static void do_paired(void)
{
	played = node_of("/sys/class/misc/vhci/dev", "/t/vhci-paired");
	unsigned char create[2] = { 0xff, 0 }, made[16] = { 0 };
	if (played < 0 || write(played, create, 2) < 0 || read(played, made, sizeof made) < 4) {
		say("vhci: %s\n", strerror(errno));
		return;
	}
	child(play_controller);
	unsigned index = made[2] | made[3] << 8;
	int s = socket(31, SOCK_RAW, 1);
	struct { unsigned short family, dev, channel; } at = { 31, 0xffff, 3 /* CONTROL */ };
	if (s < 0 || bind(s, (void *)&at, sizeof at)) {
		say("mgmt: %s\n", strerror(errno));
		return;
	}
	struct __attribute__((packed)) { unsigned short opcode, index, length; unsigned char debug; unsigned short count;
		struct __attribute__((packed)) { unsigned char address[6], address_type, type, value[16], pin; } key; } load =
		{ 0x12, (unsigned short)index, 28, 0, 1, { { 1, 2, 3, 4, 5, 6 }, 0, 4, { 0 }, 0 } };
	fill(load.key.value, 16, "btkey");
	unsigned char answer[300];
	int status = -1;
	for (int i = 0; i < 40 && status != 0; i++) {
		usleep(250000);
		if (write(s, &load, sizeof load) < 0)
			break;
		for (int k = 0; k < 20 && status != 0; k++) {
			struct pollfd wait = { .fd = s, .events = POLLIN };
			if (poll(&wait, 1, 100) != 1)
				break;
			ssize_t n = read(s, answer, sizeof answer);
			if (n >= 9 && answer[0] <= 2 && answer[0] && answer[6] == 0x12)
				status = answer[8];
		}
	}
	if (status)
		say("key of Bluetooth: status %d\n", status);
	memset(&load, 0, sizeof load);
}

/* ---- Wi-Fi: a key of an access point ---- */

static void do_wireless(void)
{
	int family = generic_family("nl80211"), s = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), error;
	unsigned self = if_nametoindex("wlan0"), type = 3 /* AP */, cipher = 0x000fac04;
	struct { unsigned char command, version; unsigned short reserved; } g = { 6 /* SET_INTERFACE */, 0, 0 };
	if (family < 0 || self == 0) {
		say("wireless: no link\n");
		return;
	}
	ask_begin(family, 0, &g, sizeof g);
	ask_add(3, &self, 4), ask_add(5, &type, 4);
	if ((error = ask_send(s)))
		say("access point: %s\n", strerror(error));
	struct ifreq up = { .ifr_name = "wlan0", .ifr_flags = IFF_UP };
	if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &up))
		say("wlan0: %s\n", strerror(errno));
	g.command = 11 /* NEW_KEY */;
	unsigned char number = 1;
	ask_begin(family, 0, &g, sizeof g);
	ask_add(3, &self, 4);
	struct nlattr *key = ask_add(80, NULL, 0);
	ask_add(1, text("wifik", 16), 16), ask_add(2, &number, 1), ask_add(3, &cipher, 4);
	ask_end(key);
	if ((error = ask_send(s)))
		say("wireless key: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	forget();
}

/* ---- screens in memory: what a program drew, and what lies in a frame buffer ---- */

static void do_frames(void)
{
	for (int i = 0; i < 3; i++) {
		char path[32];
		snprintf(path, sizeof path, "/dev/fb%d", i);
		int fd = open(path, O_RDWR);
		if (fd < 0 || pwrite(fd, text("fbwri", 16384), 16384, 1 << 17) < 0)
			say("%s: %s\n", path, strerror(errno));
		snprintf(path, sizeof path, "/dev/dri/card%d", i);
		int card = open(path, O_RDWR);
		struct { unsigned height, width, depth, flags, handle, pitch; uint64_t size; } make = { 64, 64, 32, 0, 0, 0, 0 };
		struct { unsigned handle, pad; uint64_t offset; } where = { 0, 0, 0 };
		if (card < 0 || ioctl(card, _IOC(3, 'd', 0xb2, 32), &make)) {
			say("%s: %s\n", path, strerror(errno));
			continue;
		}
		where.handle = make.handle;
		char *at = ioctl(card, _IOC(3, 'd', 0xb3, 16), &where) ? MAP_FAILED : mmap(NULL, make.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)where.offset);
		if (at == MAP_FAILED)
			say("%s: %s\n", path, strerror(errno));
		else
			fill(at, make.size, "drmdb");
	}
	forget();
}

/* ---- a path that is too long for a small buffer, of a call that waits; the folder's own name stays in its entry ---- */

static void open_long(void)
{
	char path[4000], folder[256] = { 0 };
	fill(folder, 240, "longp");
	snprintf(path, sizeof path, "/t/%s", folder);
	if (mkdir(path, 0700))
		say("long name: %s\n", strerror(errno));
	strcpy(path, "/t");
	for (int i = 0; i < 10; i++)
		strcat(strcat(strcat(path, "/"), folder), "/..");
	strcat(path, "/fifo-long");
	mkfifo("/t/fifo-long", 0600);
	memset(folder, 0, sizeof folder);
	open(path, O_RDONLY);
}

static void do_long(void)
{
	child(open_long);
	usleep(100000);
}

/* ---- a disk whose data go through memory of their own, if the kernel was told so (swiotlb=2048,force) ---- */

static void do_bounce(void)
{
	char path[64], serial[32] = { 0 };
	for (char c = 'a'; c < 'h'; c++) {
		snprintf(path, sizeof path, "/sys/block/vd%c/serial", c);
		FILE *f = fopen(path, "r");
		int is = f && fgets(serial, sizeof serial, f) && !strncmp(serial, "BOUNCE", 6);
		if (f)
			fclose(f);
		if (!is)
			continue;
		snprintf(path, sizeof path, "/dev/vd%c", c);
		int fd = open(path, O_RDWR | O_DIRECT);
		char *pages = map(64 * PAGE);
		fill(pages, 64 * PAGE, "bounc");
		if (fd < 0 || write(fd, pages, 64 * PAGE) < 0)
			say("%s: %s\n", path, strerror(errno));
		return;
	}
	say("bounced disk: none\n");
}
