// The number of pages of a free block or a compound page.
import {
  flag,
  P_BIG_ENDIAN,
  P_HUGETLB_AT,
  P_HUGETLB_MASK,
  P_HUGETLB_VALUE,
  P_HUGETLB_WIDTH,
  P_ORDER_AT,
  P_ORDER_LOW_BYTE,
  P_ORDER_WIDTH,
  P_ORDERS,
  P_PRIVATE_AT,
  P_WORD,
  param,
  word,
} from "./_classify-parameters.as";

/** A word of the state: number of buddy pages with an impossible order so far. */
const S_BAD_ORDERS: usize = 4;

/** An unsigned number of 1, 2, 4 or 8 bytes in the dump's byte order. */
function field(at: usize, width: u32, big: bool): u64 {
  switch (width) {
    case 1:
      return load<u8>(at);
    case 2:
      return big ? bswap<u16>(load<u16>(at)) : load<u16>(at);
    case 4:
      return big ? bswap<u32>(load<u32>(at)) : load<u32>(at);
    default:
      return big ? bswap<u64>(load<u64>(at)) : load<u64>(at);
  }
}

/**
 * Pages of a buddy block; or 0, which is counted, if the kernel has no such order, or the pfn is not a multiple of it.
 */
export function freePages(params: usize, state: usize, page: usize, pfn: u64): i64 {
  const at = page + <usize>param(params, P_PRIVATE_AT);
  const order = field(at, word(params, P_WORD), flag(params, P_BIG_ENDIAN));
  if (order < param(params, P_ORDERS) && (pfn & ((<u64>1 << order) - 1)) == 0) return (<i64>1) << <i64>order;
  store<u32>(state, load<u32>(state, S_BAD_ORDERS) + 1, S_BAD_ORDERS);
  return 0;
}

/** Pages of a compound page, by the order in its second struct page; 1 if the order is impossible. */
export function compoundPages(params: usize, second: usize, pfn: u64): i64 {
  const width = word(params, P_ORDER_WIDTH);
  if (width == 0) return 1;
  let order = field(second + <usize>param(params, P_ORDER_AT), width, flag(params, P_BIG_ENDIAN));
  if (flag(params, P_ORDER_LOW_BYTE)) order &= 0xff;
  // 2^24 pages of 64 KiB are the largest page of any machine's page table.
  if (order == 0 || order > 24 || (pfn & ((<u64>1 << order) - 1)) != 0) return 1;
  return (<i64>1) << <i64>order;
}

/** Whether a compound page is of hugetlb, according to its second struct page. */
export function isHugetlb(params: usize, second: usize): bool {
  const width = word(params, P_HUGETLB_WIDTH);
  if (width == 0) return false;
  const value = field(second + <usize>param(params, P_HUGETLB_AT), width, flag(params, P_BIG_ENDIAN));
  return (value & param(params, P_HUGETLB_MASK)) == param(params, P_HUGETLB_VALUE);
}
