// Copies shared by the kernels. Each stays inside the bounds that it gets: it copies 16 bytes at a time where there is
// room for that, and single bytes where there is not.

/**
 * Copies n bytes (0 is allowed) that do not overlap. May read and write up to `room` bytes on both sides (room >= n),
 * never more.
 */
@inline
export function copyWide(to: usize, from: usize, n: usize, room: usize): void {
  if (room >= n + 16) {
    // Rounding up to 16 needs no branch for short runs, which are the most frequent. n = 0 is rounded up, too.
    v128.store(to, v128.load(from));
    for (let i: usize = 16; i < n; i += 16) v128.store(to + i, v128.load(from + i));
  } else {
    copyExact(to, from, n);
  }
}

/** Copies n bytes that do not overlap and touches nothing else. Not inlined: only the ends of a page need it. */
export function copyExact(to: usize, from: usize, n: usize): void {
  while (n >= 16) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
    n -= 16;
  }
  if (n & 8) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
  }
  if (n & 4) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
  while (n & 3) {
    store<u8>(to++, load<u8>(from++));
    n--;
  }
}

/**
 * The copy of an LZ match: n bytes to `to`, from `distance` bytes before it. If the distance is shorter than n, bytes
 * that were just written are read again. The caller has checked that the start is inside the output. Writes to[0, n),
 * or up to to[0, n + 15) if `end` leaves room.
 */
@inline
export function copyMatch(to: usize, distance: usize, n: usize, end: usize): void {
  if (distance >= 16 && end - to >= n + 15) {
    const from = to - distance;
    v128.store(to, v128.load(from));
    for (let i: usize = 16; i < n; i += 16) v128.store(to + i, v128.load(from + i));
  } else {
    copyNear(to, distance, n, end);
  }
}

/** copyMatch for distances below 16, and for matches that end at the end of the output. */
export function copyNear(to: usize, distance: usize, n: usize, end: usize): void {
  const stop = to + n;
  if (distance >= 16) {
    // Whole steps first, so that only the last 15 bytes of the output are ever written one by one.
    for (; stop - to >= 16; to += 16) v128.store(to, v128.load(to - distance));
    for (; to < stop; to++) store<u8>(to, load<u8>(to - distance));
    return;
  }
  if (end - to < n + 15 && n < 16) {
    for (; to < stop; to++) store<u8>(to, load<u8>(to - distance));
    return;
  }
  if (distance == 1) {
    // Runs of one byte, nearly always of zeros, are the most frequent match in kernel memory.
    const run = i8x16.splat(load<u8>(to - 1));
    for (; stop - to >= 16; to += 16) v128.store(to, run);
    if (to < stop) {
      if (end - to >= 16) v128.store(to, run);
      else v128.store(stop - 16, run);
    }
    return;
  }
  if (distance == 8) {
    const run = i64x2.splat(load<u64>(to - 8));
    for (; stop - to >= 16; to += 16) v128.store(to, run);
    if (to < stop && end - to >= 16) v128.store(to, run);
    else for (; to < stop; to++) store<u8>(to, load<u8>(to - 8));
    return;
  }
  if (distance > 8) {
    for (; stop - to >= 8; to += 8) store<u64>(to, load<u64>(to - distance));
    if (to < stop && end - to >= 8) store<u64>(to, load<u64>(to - distance));
    else for (; to < stop; to++) store<u8>(to, load<u8>(to - distance));
    return;
  }
  // Distances 2 to 7. Once 8 bytes are written, the same bytes are also at a multiple of the distance that is at least
  // 8, so 8 bytes can be copied at a time. The nibbles of the constant are those multiples.
  let i: usize = 0;
  const head: usize = n < 8 ? n : 8;
  for (; i < head; i++) store<u8>(to + i, load<u8>(to + i - distance));
  to += i;
  if (to >= stop) return;
  const far = (<u32>0xeca89880 >>> ((<u32>distance) << 2)) & 15;
  for (; stop - to >= 8; to += 8) store<u64>(to, load<u64>(to - far));
  for (; to < stop; to++) store<u8>(to, load<u8>(to - far));
}
