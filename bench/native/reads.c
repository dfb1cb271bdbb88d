/*
 * The reads of a page scan without the scan: what they cost this machine. Built and run by bench/scan.mjs:
 *
 *   reads DUMP LIST ROUNDS
 *
 * LIST holds pairs of u64: a file offset and a number of bytes, 1 MiB at most. All of them are read in order into the same
 * buffer, ROUNDS times. Prints the CPU time of each round in nanoseconds.
 */
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static unsigned char buffer[1 << 20];

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int in = open(argv[1], O_RDONLY);
	FILE *list = fopen(argv[2], "rb");
	struct stat stat;
	if (in < 0 || !list || fstat(fileno(list), &stat)) {
		perror("open");
		return 1;
	}
	size_t count = stat.st_size / 16;
	uint64_t *reads = malloc(stat.st_size + 1);
	if (fread(reads, 16, count, list) != count)
		return 1;
	for (int round = 0; round < atoi(argv[3]); round++) {
		long long start = now();
		for (size_t i = 0; i < count; i++) {
			uint64_t n = reads[2 * i + 1];
			if (n > sizeof buffer || pread(in, buffer, n, reads[2 * i]) != (ssize_t)n) {
				perror("read");
				return 1;
			}
		}
		printf("%lld\n", now() - start);
	}
	return 0;
}
