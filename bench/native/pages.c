/*
 * What a dump tool without any overhead would do, in the simplest way: read a page, test whether it is zero, compress
 * it with the codec's own library, write it. Built and run by bench/support/native.mjs:
 *
 *   pages DUMP OUT RUNS PAGE_SIZE SKIP_ZEROS HEAD
 *
 * RUNS holds pairs of u64: a file offset and how many pages follow from there. The output is laid out like a
 * kdump-compressed file: HEAD bytes left free for headers and bitmaps, then descriptors of 24 bytes, then the pages'
 * data, each stream through a buffer. Prints pages read, pages of zeros, and bytes of data. Libraries are declared by hand, so that no header packages are needed.
 */
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(LZO)
int lzo1x_1_compress(const unsigned char *, unsigned long, unsigned char *, unsigned long *, void *);
#elif defined(SNAPPY)
int snappy_compress(const char *, size_t, char *, size_t *);
#elif defined(ZLIB)
int compress2(unsigned char *, unsigned long *, const unsigned char *, unsigned long, int);
#elif defined(ZSTD)
void *ZSTD_createCCtx(void);
size_t ZSTD_compressCCtx(void *, void *, size_t, const void *, size_t, int);
#endif

enum { BUFFER = 1 << 20, LARGEST = 1 << 16 };

struct descriptor {
	int64_t offset;
	uint32_t size, flags;
	uint64_t page_flags;
};

/* Bytes on their way to one region of the output. */
struct stream {
	int fd;
	off_t at;
	size_t used;
	unsigned char bytes[BUFFER];
};

static struct stream descriptors, data;
static unsigned char page[LARGEST], packed[2 * LARGEST];

static void flush(struct stream *s)
{
	if (s->used && pwrite(s->fd, s->bytes, s->used, s->at) != (ssize_t)s->used) {
		perror("write");
		exit(1);
	}
	s->at += s->used;
	s->used = 0;
}

static void put(struct stream *s, const void *from, size_t n)
{
	if (s->used + n > BUFFER)
		flush(s);
	memcpy(s->bytes + s->used, from, n);
	s->used += n;
}

static int is_zero(const unsigned char *p, size_t n)
{
	const uint64_t *word = (const uint64_t *)p;
	for (size_t i = 0; i < n / 8; i++)
		if (word[i])
			return 0;
	return 1;
}

/* Returns the compressed length, or 0 to store the page as it is. */
static size_t pack(size_t n)
{
#if defined(LZO)
	static unsigned char work[1 << 20];
	unsigned long room = sizeof packed;
	return lzo1x_1_compress(page, n, packed, &room, work) ? 0 : room;
#elif defined(SNAPPY)
	size_t room = sizeof packed;
	return snappy_compress((char *)page, n, (char *)packed, &room) ? 0 : room;
#elif defined(ZLIB)
	unsigned long room = sizeof packed;
	return compress2(packed, &room, page, n, 1) ? 0 : room;
#elif defined(ZSTD)
	static void *context;
	if (!context)
		context = ZSTD_createCCtx();
	size_t room = ZSTD_compressCCtx(context, packed, sizeof packed, page, n, 1);
	return room > sizeof packed ? 0 : room;
#else
	(void)n;
	return 0;
#endif
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	/* zlib allocates for every page: without this, memory would go back to the system and come again each time. */
	mallopt(M_MMAP_THRESHOLD, 1 << 24);
	mallopt(M_TRIM_THRESHOLD, 1 << 24);
	int in = open(argv[1], O_RDONLY), out = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
	FILE *list = fopen(argv[3], "rb");
	size_t size = atol(argv[4]);
	int skip = atoi(argv[5]);
	if (in < 0 || out < 0 || !list || size > LARGEST) {
		perror("open");
		return 1;
	}
	uint64_t run[2], total = 0, pages = 0, zeros = 0;
	while (fread(run, sizeof run, 1, list) == 1)
		total += run[1];
	rewind(list);
	descriptors.fd = data.fd = out;
	descriptors.at = atol(argv[6]);
	data.at = descriptors.at + (total + 1) * sizeof(struct descriptor);
	while (fread(run, sizeof run, 1, list) == 1) {
		for (uint64_t i = 0; i < run[1]; i++, pages++) {
			struct descriptor d = { data.at + data.used, size, 0, 0 };
			if (pread(in, page, size, run[0] + i * size) < 0) {
				perror("read");
				return 1;
			}
			if (skip && is_zero(page, size)) {
				zeros++;
				put(&descriptors, &d, sizeof d);
				continue;
			}
			size_t n = pack(size);
			int shrank = n > 0 && n < size;
			d.size = shrank ? n : size;
			d.flags = shrank;
			put(&data, shrank ? packed : page, d.size);
			put(&descriptors, &d, sizeof d);
		}
	}
	flush(&descriptors);
	flush(&data);
	printf("%lu %lu %lu\n", (unsigned long)pages, (unsigned long)zeros, (unsigned long)data.at);
	return 0;
}
