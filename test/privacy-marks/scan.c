/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c - counts the marks of marks.c that a file has, with bytes one behind the other, or in every second or fourth byte (screens).
 * A name of 15 letters, as those of tasks and network devices, ends with 0 where the mark has its dot. Shares no code with coresieve.
 *     scan [-l] FILE      -l: also a line for each page of an ELF dump that has some: kind, physical address of the first, how many
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_KINDS 512
static struct kind { char name[6]; int step; long cells, pages; uint64_t last; } kinds[MAX_KINDS];
static int count;

static struct kind *kind_of(const char *name, int step)
{
	for (int i = 0; i < count; i++)
		if (!memcmp(kinds[i].name, name, 5) && kinds[i].step == step)
			return &kinds[i];
	if (count == MAX_KINDS)
		return NULL;
	memcpy(kinds[count].name, name, 5);
	kinds[count].step = step;
	kinds[count].last = UINT64_MAX;
	return &kinds[count++];
}

static int hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/* the physical address of a place in an ELF dump; the place itself for other files */
static uint64_t physical(const char *file, uint64_t size, uint64_t at)
{
	const Elf64_Ehdr *e = (const void *)file;
	if (size < sizeof *e || memcmp(file, ELFMAG, 4) || e->e_ident[4] != ELFCLASS64)
		return at;
	unsigned n = e->e_phnum;
	if (n == 0xffff && e->e_shoff && e->e_shoff + sizeof(Elf64_Shdr) <= size)
		n = ((const Elf64_Shdr *)(file + e->e_shoff))->sh_info;
	const Elf64_Phdr *p = (const void *)(file + e->e_phoff);
	for (unsigned i = 0; i < n; i++)
		if (p[i].p_type == PT_LOAD && at >= p[i].p_offset && at - p[i].p_offset < p[i].p_filesz)
			return p[i].p_paddr + (at - p[i].p_offset);
	return UINT64_MAX;
}

int main(int argc, char **argv)
{
	int list = argc == 3 && !strcmp(argv[1], "-l");
	if (argc != 2 + list)
		return 2;
	int fd = open(argv[1 + list], O_RDONLY);
	struct stat st;
	if (fd < 0 || fstat(fd, &st)) {
		perror(argv[1 + list]);
		return 2;
	}
	uint64_t size = st.st_size;
	const char *b = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (b == MAP_FAILED)
		return 2;
	for (int step = 1; step <= 4; step *= 2) {
		uint64_t reach = 15 * step;
		for (uint64_t at = 0; at + reach < size; at++) {
			const char *p = memchr(b + at, '~', size - reach - at);
			if (!p)
				break;
			at = p - b;
			if (p[step] != 'm' || p[2 * step] != 'k' || p[8 * step] != '-' || (p[15 * step] != '.' && p[15 * step]))
				continue;
			char name[6] = { 0 };
			int good = 1;
			for (int i = 0; i < 5; i++)
				name[i] = p[(3 + i) * step];
			for (int i = 9; i < 15; i++)
				good &= hex(p[i * step]);
			struct kind *k = good ? kind_of(name, step) : NULL;
			if (!k)
				continue;
			k->cells++;
			uint64_t where = physical(b, size, at);
			if (where >> 12 == k->last)
				continue;
			k->last = where >> 12;
			k->pages++;
			if (list)
				printf("at %s %d %llx\n", name, step, (unsigned long long)where);
		}
	}
	for (int i = 0; i < count; i++)
		printf("%s%s %ld pages %ld cells\n", kinds[i].name, kinds[i].step == 1 ? "" : kinds[i].step == 2 ? "/2" : "/4",
		       kinds[i].pages, kinds[i].cells);
	return count != 0;
}
