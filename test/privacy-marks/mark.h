/* SPDX-License-Identifier: Apache-2.0 */
/* mark.h - what the guest program writes and the scanner looks for: cells of 16 bytes, "~mk", five letters that name the kind, "-",
 * six hex digits, ".". The program makes the first three from other numbers, so that its own file has no mark in it. */
#ifndef MARK_H
#define MARK_H
#include <stdio.h>
#include <string.h>
#define CELL 16

static inline void mark_cell(char *out, const char *kind, unsigned index)
{
	volatile unsigned char head[3] = { '~' ^ 0x55, 'm' ^ 0x55, 'k' ^ 0x55 };
	char rest[32];
	for (int i = 0; i < 3; i++)
		out[i] = (char)(head[i] ^ 0x55);
	snprintf(rest, sizeof rest, "%-5.5s-%06x.", kind, index & 0xffffff);
	memcpy(out + 3, rest, CELL - 3);
	memset(rest, 0, sizeof rest);
}
#endif
