/* SPDX-License-Identifier: Apache-2.0 */
/* marks-network.h - what sockets, their protocols and devices hold. Part of marks.c. */

static struct sockaddr_in local(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* a connection over loopback of a protocol; [0] is the one that asked for it */
static int connection(int protocol, int port, int *ends)
{
	struct sockaddr_in at = local(port);
	int server = socket(AF_INET, SOCK_STREAM, protocol), one = 1;
	ends[0] = socket(AF_INET, SOCK_STREAM, protocol);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (server < 0 || bind(server, (void *)&at, sizeof at) || listen(server, 4) || connect(ends[0], (void *)&at, sizeof at) ||
	    (ends[1] = accept(server, NULL, NULL)) < 0) {
		say("connection of protocol %d: %s\n", protocol, strerror(errno));
		return -1;
	}
	return server;
}

static void do_tcp(void)
{
	int ends[2], one = 1;
	if (connection(0, 4001, ends) < 0)
		return;
	setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (int i = 0; i < 12; i++)
		if (send(ends[0], text("tcprq", 100 << (i % 6)), 100 << (i % 6), MSG_DONTWAIT) < 0)
			break;
	if (connection(0, 4002, ends) < 0)
		return;
	while (send(ends[0], text("tcpsq", 8000), 8000, MSG_DONTWAIT) > 0)
		;
	send(ends[1], text("tcpoo", 16), 16, MSG_OOB);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN_KEY, text("tfokk", 16), 16))
		say("fast open key: %s\n", strerror(errno));
	struct tcp_md5sig md5 = { .tcpm_keylen = 80 };
	struct sockaddr_in peer = local(1);
	memcpy(&md5.tcpm_addr, &peer, sizeof peer);
	fill(md5.tcpm_key, 80, "tcpmd");
	if (setsockopt(listener, IPPROTO_TCP, TCP_MD5SIG, &md5, sizeof md5))
		say("md5 key: %s\n", strerror(errno));
	memset(&md5, 0, sizeof md5);
	if (connection(262, 4003, ends) >= 0 && send(ends[0], text("mptcp", 900), 900, MSG_DONTWAIT) < 0)
		say("mptcp: %s\n", strerror(errno));
	struct sockaddr_in at = local(4004);
	int sctp = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
	if (sctp < 0)
		say("sctp: %s\n", strerror(errno));
	else {
		close(sctp);
		if (connection(IPPROTO_SCTP, 4004, ends) >= 0 && send(ends[0], text("sctp0", 900), 900, MSG_DONTWAIT) < 0)
			say("sctp: %s\n", strerror(errno));
	}
	(void)at;
	forget();
}

static void do_tls(void)
{
	struct { struct { unsigned short version, cipher; } info; unsigned char iv[8], key[32], salt[4], sequence[8]; } t = { { 0x304, 52 } };
	int ends[2];
	if (connection(0, 4005, ends) < 0)
		return;
	if (setsockopt(ends[0], IPPROTO_TCP, 31 /* TCP_ULP */, "tls", 3)) {
		say("tls: %s\n", strerror(errno));
		return;
	}
	fill(t.key, 32, "ktlsk");
	if (setsockopt(ends[0], 282, 1 /* TX */, &t, sizeof t) || setsockopt(ends[0], 282, 2, &t, sizeof t))
		say("tls key: %s\n", strerror(errno));
	memset(&t, 0, sizeof t);
	if (send(ends[0], text("ktlsp", 900), 900, MSG_DONTWAIT | MSG_MORE) < 0)
		say("tls record: %s\n", strerror(errno));
	forget();
}

static void do_addresses(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	fill(at.sun_path + 1, 96, "unixa");
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (bind(fd, (void *)&at, 3 + 96))
		say("abstract address: %s\n", strerror(errno));
	memset(&at, 0, sizeof at);
	at.sun_family = AF_UNIX;
	strcpy(at.sun_path, "/t/");
	fill(at.sun_path + 3, 96, "unixp");
	if (bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&at, sizeof at))
		say("unix path: %s\n", strerror(errno));
	memset(&at, 0, sizeof at);
	unsigned char options[40] = { 0x9e, 34 };
	fill(options + 2, 32, "ipopt");
	if (setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_OPTIONS, options, 36))
		say("ip options: %s\n", strerror(errno));
	memset(options, 0, sizeof options);
	unsigned char hops[40] = { 0, 4, 0x1e, 36 };
	fill(hops + 4, 32, "ip6op");
	if (setsockopt(socket(AF_INET6, SOCK_DGRAM, 0), IPPROTO_IPV6, IPV6_HOPOPTS, hops, 40))
		say("ipv6 options: %s\n", strerror(errno));
	memset(hops, 0, sizeof hops);
}

static void do_captures(void)
{
	struct sockaddr_in to = local(4009);
	int udp = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	bind(udp, (void *)&to, sizeof to);
	sendto(udp, text("rawrx", 400), 400, 0, (void *)&to, sizeof to);
	int packet = socket(AF_PACKET, SOCK_RAW, htons(0x0003)), ring = socket(AF_PACKET, SOCK_RAW, htons(0x0003));
	struct tpacket_req request = { 16384, 4, 2048, 32 };
	if (setsockopt(ring, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
		say("packet ring: %s\n", strerror(errno));
	for (int i = 0; i < 4; i++)
		sendto(udp, text("pktrx", 300 << i), 300 << i, 0, (void *)&to, sizeof to);
	(void)raw, (void)packet;
	/* the first of several fragments */
	put("/proc/sys/net/ipv4/ipfrag_time", "10000");
	unsigned char ip[20 + 320] = { 0x45, 0, 1, 84, 0x12, 0x34, 0x20, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1 };
	fill(ip + 20, 320, "ipfrg");
	to.sin_port = 0;
	if (sendto(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), ip, sizeof ip, 0, (void *)&to, sizeof to) < 0)
		say("fragment: %s\n", strerror(errno));
	memset(ip, 0, sizeof ip);
	unsigned char echo[8 + 320] = { 8, 0, 0, 0, 0, 0, 0, 0 };
	int icmp = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	fill(echo + 8, 320, "icmpr");
	sendto(icmp, echo, sizeof echo, 0, (void *)&to, sizeof to);
	memset(echo, 0, sizeof echo);
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_pid = getpid() };
	int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	if (bind(nl, (void *)&self, sizeof self) || sendto(nl, text("nlink", 800), 800, 0, (void *)&self, sizeof self) < 0)
		say("netlink: %s\n", strerror(errno));
	forget();
}

static int interface(int flags, const char *name, const char *address)
{
	mknod("/t/tun", S_IFCHR | 0600, makedev(10, 200));
	int fd = open("/t/tun", O_RDWR | O_NONBLOCK), s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = { .ifr_flags = flags | IFF_NO_PI };
	struct sockaddr_in at = { .sin_family = AF_INET };
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	inet_pton(AF_INET, address, &at.sin_addr);
	if (ioctl(fd, TUNSETIFF, &r))
		return -1;
	memcpy(&r.ifr_addr, &at, sizeof at);
	ioctl(s, SIOCSIFADDR, &r);
	inet_pton(AF_INET, "255.255.255.0", &at.sin_addr);
	memcpy(&r.ifr_addr, &at, sizeof at);
	ioctl(s, SIOCSIFNETMASK, &r);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
	return fd;
}

/* packets that nobody takes from a tunnel; ones that wait for an answer to who has an address */
static void do_tunnels(void)
{
	struct sockaddr_in to = local(9);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (interface(IFF_TUN, "mtun", "10.9.0.1") < 0 || interface(IFF_TAP, "mtap", "10.8.0.1") < 0)
		say("tun: %s\n", strerror(errno));
	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	for (int i = 0; i < 10; i++)
		if (sendto(udp, text("tunrx", 80 << (i % 5)), 80 << (i % 5), 0, (void *)&to, sizeof to) < 0)
			say("tun: %s\n", strerror(errno));
	put("/proc/sys/net/ipv4/neigh/mtap/mcast_solicit", "100000");
	inet_pton(AF_INET, "10.8.0.2", &to.sin_addr);
	for (int i = 0; i < 3; i++)
		sendto(udp, text("arpqu", 320), 320, 0, (void *)&to, sizeof to);
	put("/sys/class/net/lo/ifalias", text("ifali", 208));
	if (ioctl(socket(AF_UNIX, SOCK_STREAM, 0), 0x89a0 /* SIOCBRADDBR */, text("brnam", 15)))
		say("bridge: %s\n", strerror(errno));
	forget();
}

/* ---- netlink: a request of attributes ---- */

static struct { struct nlmsghdr h; char b[8192]; } ask;

static void ask_begin(int type, int flags, const void *head, size_t length)
{
	memset(&ask, 0, sizeof ask);
	ask.h = (struct nlmsghdr){ .nlmsg_len = NLMSG_LENGTH(length), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags };
	memcpy(ask.b, head, length);
}

static struct nlattr *ask_add(int type, const void *data, size_t length)
{
	struct nlattr *a = (void *)((char *)&ask + NLMSG_ALIGN(ask.h.nlmsg_len));
	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + length;
	if (length)
		memcpy((char *)a + NLA_HDRLEN, data, length);
	ask.h.nlmsg_len = NLMSG_ALIGN(ask.h.nlmsg_len) + NLA_ALIGN(a->nla_len);
	return a;
}

static void ask_end(struct nlattr *a)
{
	a->nla_len = (char *)&ask + ask.h.nlmsg_len - (char *)a;
	a->nla_type |= NLA_F_NESTED;
}

/* sends it; the answer replaces it. The error's number, or 0 */
static int ask_send(int fd)
{
	struct timeval wait = { 3, 0 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (send(fd, &ask, ask.h.nlmsg_len, 0) < 0)
		return errno;
	memset(&ask, 0, sizeof ask);
	if (recv(fd, &ask, sizeof ask, 0) < 0)
		return errno;
	return ask.h.nlmsg_type == NLMSG_ERROR ? -((struct nlmsgerr *)ask.b)->error : 0;
}

static void do_wireguard(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), generic = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	struct ifinfomsg link = { 0 };
	ask_begin(RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
	ask_add(3, "mwg", 4);
	struct nlattr *info = ask_add(18, NULL, 0);
	ask_add(1, "wireguard", 10);
	ask_end(info);
	int error = ask_send(route);
	struct { unsigned char command, version; unsigned short reserved; } g = { 3, 1, 0 };
	ask_begin(16 /* GENL_ID_CTRL */, 0, &g, sizeof g);
	ask_add(2, "wireguard", 10);
	if (error || (error = ask_send(generic))) {
		say("wireguard: %s\n", strerror(error));
		return;
	}
	int family = 0;
	for (struct nlattr *a = (void *)(ask.b + 4); (char *)a < (char *)&ask + ask.h.nlmsg_len && a->nla_len; a = (void *)((char *)a + NLA_ALIGN(a->nla_len)))
		if (a->nla_type == 1)
			family = *(unsigned short *)(a + 1);
	g.command = 1;
	close(generic);
	generic = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	ask_begin(family, 0, &g, sizeof g);
	ask_add(2, "mwg", 4);
	struct nlattr *peers = ask_add(8, NULL, 0), *peer = ask_add(0, NULL, 0);
	char key[32];
	for (int i = 0; i < 32; i++)
		key[i] = 9 + i * 5;
	ask_add(1, key, 32);
	ask_add(2, text("wgpsk", 32), 32);
	ask_end(peer);
	ask_end(peers);
	if ((error = ask_send(generic)))
		say("wireguard peer: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	forget();
}

static void do_xfrm(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
	struct xfrm_usersa_info sa = { .family = AF_INET, .mode = 0, .id = { .spi = htonl(0x1234), .proto = IPPROTO_ESP } };
	struct { char name[64]; unsigned bits; char key[32]; } crypt = { "cbc(aes)", 256, { 0 } };
	struct { char name[64]; unsigned bits, trunc; char key[32]; } auth = { "hmac(sha256)", 256, 128, { 0 } };
	sa.id.daddr.a4 = sa.saddr.a4 = htonl(INADDR_LOOPBACK);
	sa.lft.soft_byte_limit = sa.lft.hard_byte_limit = sa.lft.soft_packet_limit = sa.lft.hard_packet_limit = ~0ULL;
	fill(crypt.key, 32, "xfrmk");
	fill(auth.key, 32, "xfrma");
	ask_begin(XFRM_MSG_NEWSA, NLM_F_CREATE, &sa, sizeof sa);
	ask_add(XFRMA_ALG_AUTH_TRUNC, &auth, sizeof auth);
	ask_add(XFRMA_ALG_CRYPT, &crypt, sizeof crypt);
	int error = ask_send(fd);
	if (error)
		say("xfrm: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	memset(&crypt, 0, sizeof crypt);
	memset(&auth, 0, sizeof auth);
}

/* a table of rules with a name and a comment of its owner */
static void do_rules(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	struct { unsigned char family, version; unsigned short id; } n = { AF_INET, 0, htons(10) };
	struct { struct nlmsghdr h; unsigned char family, version; unsigned short id; } edge = {
		{ sizeof edge, 16 /* BATCH_BEGIN */, NLM_F_REQUEST, 1, 0 }, 0, 0, htons(10) };
	static char batch[2048];
	size_t length = 0;
	ask_begin(10 << 8 /* NFT_MSG_NEWTABLE */, NLM_F_CREATE, &n, sizeof n);
	ask.h.nlmsg_seq = 2;
	n.id = 0;
	memcpy(ask.b, &n, sizeof n);
	char *name = text("nftnm", 64);
	ask_add(1, name, 65);
	ask_add(6, text("nftud", 192), 192);
	memcpy(batch, &edge, sizeof edge);
	length = sizeof edge;
	memcpy(batch + length, &ask, ask.h.nlmsg_len);
	length += ask.h.nlmsg_len;
	edge.h.nlmsg_type = 17;
	edge.h.nlmsg_seq = 3;
	memcpy(batch + length, &edge, sizeof edge);
	length += sizeof edge;
	if (send(fd, batch, length, 0) < 0)
		say("nftables: %s\n", strerror(errno));
	memset(batch, 0, sizeof batch);
	memset(&ask, 0, sizeof ask);
	int audit = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
	struct audit_rule_data rule = { .flags = 4 /* EXIT */, .action = 2, .field_count = 1, .mask = { 4 }, .fields = { 210 /* FILTERKEY */ },
					.values = { 96 }, .fieldflags = { 0x40000000 }, .buflen = 96 };
	static char with_key[sizeof rule + 96];
	memcpy(with_key, &rule, sizeof rule);
	fill(with_key + sizeof rule, 96, "audru");
	ask_begin(1011 /* ADD_RULE */, 0, with_key, sizeof with_key);
	int error = ask_send(audit);
	if (error)
		say("audit rule: %s\n", strerror(error));
	memset(with_key, 0, sizeof with_key);
	ask_begin(1005 /* USER */, 0, text("audus", 208), 209);
	error = ask_send(audit);
	if (error)
		say("audit message: %s\n", strerror(error));
	memset(&ask, 0, sizeof ask);
	forget();
}

/* ---- the kernel's ciphers for programs ---- */

static int cipher(const char *type, const char *name, const char *kind, int length)
{
	struct sockaddr_alg at = { .salg_family = AF_ALG };
	strcpy((char *)at.salg_type, type);
	strcpy((char *)at.salg_name, name);
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);
	if (fd < 0 || bind(fd, (void *)&at, sizeof at) || (length && setsockopt(fd, 279, 1, text(kind, length), length))) {
		say("%s: %s\n", name, strerror(errno));
		return -1;
	}
	forget();
	return accept(fd, NULL, NULL);
}

static void do_ciphers(void)
{
	int fd = cipher("skcipher", "cbc(aes)", "algke", 32);
	if (fd >= 0 && send(fd, text("algsg", 1600), 1600, MSG_MORE | MSG_DONTWAIT) < 0)
		say("cipher data: %s\n", strerror(errno));
	cipher("aead", "gcm(aes)", "algae", 32);
	cipher("hash", "hmac(sha256)", "alghm", 64);
	fd = cipher("hash", "sha256", "none0", 0);
	if (fd >= 0 && send(fd, text("alghs", 48), 48, MSG_MORE) < 0)
		say("hash data: %s\n", strerror(errno));
	forget();
}
