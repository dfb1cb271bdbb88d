/*
 * What reading a kdump-compressed dump costs without any overhead, in the simplest way: the page descriptors' list says
 * where each page's data lie; read them, decompress with the codec's own library, page by page. Built and run by
 * bench/decode.mjs:
 *
 *   unpack DUMP LIST PAGE_SIZE ROUNDS READ
 *
 * LIST holds pairs of u64: a file offset, and a size with the descriptor's flags in the upper half. READ is 0 to take the
 * data into memory before, so that only the library is measured, or 1. Prints the least CPU time of a round in
 * nanoseconds, and the pages. Libraries are declared by hand, so that no header packages are needed.
 */
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(LZO)
int lzo1x_decompress_safe(const unsigned char *, unsigned long, unsigned char *, unsigned long *, void *);
#elif defined(SNAPPY)
int snappy_uncompress(const char *, size_t, char *, size_t *);
#elif defined(ZLIB)
int uncompress(unsigned char *, unsigned long *, const unsigned char *, unsigned long);
#elif defined(ZSTD)
void *ZSTD_createDCtx(void);
size_t ZSTD_decompressDCtx(void *, void *, size_t, const void *, size_t);
#endif

enum { WINDOW = 1 << 18, TASK = 1 << 21 };

/* Pages go behind each other, as whoever wants them needs them. */
static unsigned char window[WINDOW], task[TASK], *page = task;

/* Returns the length of the page, or 0. */
static size_t unpack(const unsigned char *from, size_t n, uint32_t flags, size_t size)
{
	if (flags == 0) {
		memcpy(page, from, n);
		return n;
	}
#if defined(LZO)
	unsigned long room = size;
	return lzo1x_decompress_safe(from, n, page, &room, NULL) ? 0 : room;
#elif defined(SNAPPY)
	size_t room = size;
	return snappy_uncompress((const char *)from, n, (char *)page, &room) ? 0 : room;
#elif defined(ZLIB)
	unsigned long room = size;
	return uncompress(page, &room, from, n) ? 0 : room;
#elif defined(ZSTD)
	static void *context;
	if (!context)
		context = ZSTD_createDCtx();
	return ZSTD_decompressDCtx(context, page, size, from, n);
#else
	(void)size;
	return 0;
#endif
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	/* zlib allocates for every page: without this, memory would go back to the system and come again each time. */
	mallopt(M_MMAP_THRESHOLD, 1 << 24);
	mallopt(M_TRIM_THRESHOLD, 1 << 24);
	int in = open(argv[1], O_RDONLY);
	FILE *list = fopen(argv[2], "rb");
	size_t size = atol(argv[3]);
	int rounds = atoi(argv[4]), reading = atoi(argv[5]);
	struct stat stat, of;
	if (in < 0 || !list || fstat(in, &stat) || fstat(fileno(list), &of)) {
		perror("open");
		return 1;
	}
	uint64_t count = of.st_size / 16, *entries = malloc(of.st_size + 1);
	unsigned char *file = reading ? NULL : malloc(stat.st_size);
	if (fread(entries, 16, count, list) != count)
		return 1;
	for (off_t at = 0; file && at < stat.st_size;) {
		ssize_t n = pread(in, file + at, stat.st_size - at, at);
		if (n <= 0)
			return 1;
		at += n;
	}
	long long least = -1;
	for (int round = 0; round < rounds; round++) {
		uint64_t start = 1, end = 0;
		long long before = now();
		for (uint64_t i = 0; i < count; i++) {
			uint64_t at = entries[2 * i];
			uint32_t n = entries[2 * i + 1], flags = entries[2 * i + 1] >> 32;
			const unsigned char *data = file + at;
			if (reading) {
				if (at < start || at + n > end) {
					ssize_t got = pread(in, window, WINDOW, at);
					if (got < n)
						return 1;
					start = at;
					end = at + got;
				}
				data = window + (at - start);
			}
			page = task + (i * size) % TASK;
			if (unpack(data, n, flags, size) != size) {
				fprintf(stderr, "the page at %lu does not decode\n", (unsigned long)at);
				return 1;
			}
		}
		long long took = now() - before;
		if (least < 0 || took < least)
			least = took;
	}
	printf("%lld %lu\n", least, (unsigned long)count);
	return 0;
}
