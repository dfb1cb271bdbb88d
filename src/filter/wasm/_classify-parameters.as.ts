// The parameters of the page scan: a kernel and a policy.

// The parameters: 64-bit words, in this order. src/filter/classifier.ts fills them and explains them.
export const P_SIZE = 0;
export const P_BIG_ENDIAN = 1;
export const P_WORD = 2;
export const P_FLAGS_AT = 3;
export const P_MAPPING_AT = 4;
export const P_TAIL_AT = 5;
export const P_MAPCOUNT_AT = 6;
export const P_PRIVATE_AT = 7;
export const P_REFCOUNT_AT = 8;
export const P_TAIL_BIT = 9;
export const P_ANON_BIT = 10;
export const P_LRU = 11;
export const P_PRIVATE = 12;
export const P_SWAP = 13;
export const P_SLAB = 14;
export const P_HWPOISON = 15;
export const P_HEAD = 16;
export const P_RESERVED = 17;
export const P_BUDDY = 18;
export const P_SLAB_TYPE = 19;
export const P_OFFLINE_TYPE = 20;
export const P_HUGETLB_TYPE = 21;
export const P_BUDDY_TYPE = 22;
export const P_UNACCEPTED_TYPE = 23;
export const P_ORDERS = 24;
export const P_ORDER_AT = 25;
export const P_ORDER_WIDTH = 26;
export const P_ORDER_LOW_BYTE = 27;
export const P_HUGETLB_AT = 28;
export const P_HUGETLB_WIDTH = 29;
export const P_HUGETLB_MASK = 30;
export const P_HUGETLB_VALUE = 31;
export const P_DROP_USER = 32;
export const P_PRIVACY = 33;

// @ts-ignore: decorator
@inline
export function param(params: usize, index: usize): u64 {
  return load<u64>(params + index * 8);
}

// @ts-ignore: decorator
@inline
export function flag(params: usize, index: usize): bool {
  return load<u64>(params + index * 8) != 0;
}

// @ts-ignore: decorator
@inline
export function word(params: usize, index: usize): u32 {
  return load<u32>(params + index * 8);
}
