/*
 * The C libraries' side of bench/modules.mjs, which compiles and runs it: cc modules.c -l:liblzo2.so.2 ...
 *
 *   kernels FILE PAGE_SIZE CODEC ROUNDS
 *
 * compresses FILE page by page, in batches that have just been copied to where they are compressed, and prints the nanoseconds
 * of CPU time for compressing and for decompressing all pages, the least of the rounds of each batch, and the compressed size
 * in bytes. Every library is declared here by hand, so that no header
 * packages are needed. Codec z is compress2, r is what makedumpfile does: one deflate state, reset for every page.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef LZO
int lzo1x_1_compress(const unsigned char *, unsigned long, unsigned char *, unsigned long *, void *);
int lzo1x_decompress_safe(const unsigned char *, unsigned long, unsigned char *, unsigned long *, void *);
#endif
#ifdef SNAPPY
int snappy_compress(const char *, size_t, char *, size_t *);
int snappy_uncompress(const char *, size_t, char *, size_t *);
#endif
#ifdef ZLIB
int compress2(unsigned char *, unsigned long *, const unsigned char *, unsigned long, int);
int uncompress(unsigned char *, unsigned long *, const unsigned char *, unsigned long);
/* z_stream as zlib.h has it since 1995. */
struct stream {
	const unsigned char *next_in;
	unsigned avail_in;
	unsigned long total_in;
	unsigned char *next_out;
	unsigned avail_out;
	unsigned long total_out;
	const char *message;
	void *state, *allocate, *release, *opaque;
	int data_type;
	unsigned long adler, reserved;
};
const char *zlibVersion(void);
int deflateInit_(struct stream *, int, const char *, int);
int deflateReset(struct stream *);
int deflate(struct stream *, int);
static struct stream stream;
#endif

/* As in modules.mjs. */
#define BATCH 256

static unsigned char work[1 << 20];

static unsigned long encode(char codec, unsigned char *from, unsigned long n, unsigned char *to, unsigned long room)
{
	switch (codec) {
#ifdef LZO
	case 'l':
		lzo1x_1_compress(from, n, to, &room, work);
		return room;
#endif
#ifdef SNAPPY
	case 's':
		snappy_compress((char *)from, n, (char *)to, &room);
		return room;
#endif
#ifdef ZLIB
	case 'z':
		compress2(to, &room, from, n, 1);
		return room;
	case 'r':
		if (!stream.state)
			deflateInit_(&stream, 1, zlibVersion(), sizeof stream);
		deflateReset(&stream);
		stream.next_in = from;
		stream.avail_in = n;
		stream.next_out = to;
		stream.avail_out = room;
		deflate(&stream, 4 /* Z_FINISH */);
		return stream.total_out;
#endif
	}
	exit(2);
}

static unsigned long decode(char codec, unsigned char *from, unsigned long n, unsigned char *to, unsigned long room)
{
	switch (codec) {
#ifdef LZO
	case 'l':
		lzo1x_decompress_safe(from, n, to, &room, NULL);
		return room;
#endif
#ifdef SNAPPY
	case 's':
		snappy_uncompress((char *)from, n, (char *)to, &room);
		return room;
#endif
#ifdef ZLIB
	case 'z':
	case 'r':
		uncompress(to, &room, from, n);
		return room;
#endif
	}
	exit(2);
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 5 ? fopen(argv[1], "rb") : NULL;
	if (!f)
		return 2;
	/*
	 * zlib allocates 260 KiB for every page. glibc would give them back to the system and fetch them again each time,
	 * which takes three quarters of the time here, but happens to no program with a longer heap: makedumpfile's zlib
	 * is as fast as this one with the two lines.
	 */
	mallopt(M_MMAP_THRESHOLD, 1 << 24);
	mallopt(M_TRIM_THRESHOLD, 1 << 24);
	long size = atol(argv[2]), pages, i, round;
	char codec = argv[3][0];
	fseek(f, 0, SEEK_END);
	pages = ftell(f) / size;
	rewind(f);
	long slot = size + size / 2 + 1024, batches = (pages + BATCH - 1) / BATCH, batch;
	unsigned char *file = malloc(pages * size), *in = malloc(BATCH * size), *out = malloc(BATCH * slot), *back = malloc(size);
	unsigned long length[BATCH], total = 0;
	long long *best = malloc(batches * sizeof *best), *bestback = malloc(batches * sizeof *best), all = 0, allback = 0;
	if (fread(file, size, pages, f) != (size_t)pages)
		return 2;
	for (round = 0; round < atol(argv[4]); round++) {
		for (total = batch = 0; batch < batches; batch++) {
			long n = batch < batches - 1 ? BATCH : pages - batch * BATCH;
			memcpy(in, file + batch * BATCH * size, n * size);
			long long start = now();
			for (i = 0; i < n; i++)
				length[i] = encode(codec, in + i * size, size, out + i * slot, slot);
			long long took = now() - start;
			if (round == 0 || took < best[batch])
				best[batch] = took;
			start = now();
			for (i = 0; i < n; i++)
				if (decode(codec, out + i * slot, length[i], back, size) != (unsigned long)size)
					return 3;
			took = now() - start;
			if (round == 0 || took < bestback[batch])
				bestback[batch] = took;
			for (i = 0; i < n; i++)
				total += length[i];
		}
	}
	for (batch = 0; batch < batches; batch++) {
		all += best[batch];
		allback += bestback[batch];
	}
	printf("%lld %lld %lu\n", all, allback, total);
	return 0;
}
