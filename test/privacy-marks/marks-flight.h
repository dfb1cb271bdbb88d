/* SPDX-License-Identifier: Apache-2.0 */
/* marks-flight.h - further kinds: data of files that no process has in its table, packets that nobody takes */

/* a terminal with unread input: raw, so that all of it waits in its buffer */
static void waiting_tty(int ends[2], const char *kind)
{
	struct termios raw;
	char typed[1024];
	if (openpty(&ends[0], &ends[1], NULL, NULL, NULL)) {
		say("pty: %s\n", strerror(errno));
		return;
	}
	tcgetattr(ends[1], &raw);
	cfmakeraw(&raw);
	tcsetattr(ends[1], TCSANOW, &raw);
	fill(typed, sizeof typed, kind);
	if (write(ends[0], typed, sizeof typed) < 0)
		say("pty: %s\n", strerror(errno));
	memset(typed, 0, sizeof typed);
}

/* both ends of a terminal on their way through a UNIX socket, both of another registered for io_uring */
static void do_flight(void)
{
	int ends[2], pair[2];
	char room[CMSG_SPACE(sizeof ends)] = { 0 }, byte = 'x';
	struct iovec one = { &byte, 1 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof ends) };
	waiting_tty(ends, "scmty");
	memcpy(CMSG_DATA(c), ends, sizeof ends);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || sendmsg(pair[0], &m, 0) != 1)
		say("SCM_RIGHTS: %s\n", strerror(errno));
	close(ends[0]);
	close(ends[1]);
	struct io_uring_params p = { 0 };
	int ring = syscall(SYS_io_uring_setup, 8, &p);
	waiting_tty(ends, "iorty");
	if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, ends, 2))
		say("io_uring files: %s\n", strerror(errno));
	close(ends[0]);
	close(ends[1]);
	forget();
}

/* packets that came back (a closed port), packets with the times of their sending, and a ring of packets to be sent */
static void do_returned(void)
{
	char data[512];
	int on = 1, times = 1 << 1 | 1 << 4; /* TX_SOFTWARE, SOFTWARE */
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int refused = socket(AF_INET, SOCK_DGRAM, 0), timed = socket(AF_INET, SOCK_DGRAM, 0);
	ioctl(refused, SIOCSIFFLAGS, &up);
	fill(data, sizeof data, "errqu");
	if (setsockopt(refused, IPPROTO_IP, IP_RECVERR, &on, sizeof on) || sendto(refused, data, sizeof data, 0, (void *)&to, sizeof to) < 0)
		say("error queue: %s\n", strerror(errno));
	fill(data, sizeof data, "tstmp");
	if (setsockopt(timed, SOL_SOCKET, SO_TIMESTAMPING, &times, sizeof times) || sendto(timed, data, sizeof data, 0, (void *)&to, sizeof to) < 0)
		say("timestamps: %s\n", strerror(errno));
	memset(data, 0, sizeof data);
	int packets = socket(AF_PACKET, SOCK_DGRAM, 0);
	struct tpacket_req ring = { .tp_block_size = 16 * PAGE, .tp_block_nr = 4, .tp_frame_size = PAGE, .tp_frame_nr = 64 };
	char *at = setsockopt(packets, SOL_PACKET, PACKET_TX_RING, &ring, sizeof ring) ? MAP_FAILED
			: mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, packets, 0);
	if (at == MAP_FAILED)
		say("ring of packets: %s\n", strerror(errno));
	else
		for (int i = 0; i < 64; i++)
			fill(at + i * PAGE + 64, PAGE - 64, "pkttx");
	/* a record of a trace in the program's own form */
	mkdir("/t/tr4", 0700);
	mount("tracefs", "/t/tr4", "tracefs", 0, NULL);
	put("/t/tr4/tracing_on", "1");
	int raw = open("/t/tr4/trace_marker_raw", O_WRONLY);
	fill(data, sizeof data, "trraw");
	memset(data, 1, 4);
	if (raw < 0 || write(raw, data, sizeof data) < 0)
		say("raw marker: %s\n", strerror(errno));
	memset(data, 0, sizeof data);
	forget();
}
