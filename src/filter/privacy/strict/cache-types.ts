import type { KernelTypes } from "../../../kernel/debuginfo/kernel-types.js";

/**
 * Types of the objects in slab caches whose names differ from their types (as in /proc/slabinfo; the names come from
 * the kernel's sources). If there are several, the first one that the kernel has is used.
 */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  anon_vma: ["anon_vma"],
  bdev_cache: ["bdev_inode"],
  blkdev_ioc: ["io_context"],
  blkdev_queue: ["request_queue"],
  cred_jar: ["cred"],
  eventpoll_epi: ["epitem"],
  eventpoll_pwq: ["eppoll_entry"],
  ext4_inode_cache: ["ext4_inode_info"],
  fasync_cache: ["fasync_struct"],
  file_lock_cache: ["file_lock"],
  files_cache: ["files_struct"],
  filp: ["file"],
  fs_cache: ["fs_struct"],
  hugetlbfs_inode_cache: ["hugetlbfs_inode_info"],
  inode_cache: ["inode"],
  inotify_inode_mark: ["inotify_inode_mark"],
  io_kiocb: ["io_kiocb"],
  ip_dst_cache: ["rtable"],
  kernfs_iattrs_cache: ["kernfs_iattrs"],
  kernfs_node_cache: ["kernfs_node"],
  key_jar: ["key"],
  kmem_cache: ["kmem_cache"],
  mnt_cache: ["mount"],
  mqueue_inode_cache: ["mqueue_inode_info"],
  ovl_inode: ["ovl_inode"],
  PACKET: ["packet_sock"],
  PING: ["raw_sock"],
  posix_timers_cache: ["k_itimer"],
  proc_inode_cache: ["proc_inode"],
  radix_tree_node: ["xa_node", "radix_tree_node"],
  RAW: ["raw_sock"],
  RAWv6: ["raw6_sock"],
  request_queue: ["request_queue"],
  request_sock_TCP: ["tcp_request_sock"],
  request_sock_TCPv6: ["tcp6_request_sock"],
  shmem_inode_cache: ["shmem_inode_info"],
  sighand_cache: ["sighand_struct"],
  signal_cache: ["signal_struct"],
  skbuff_fclone_cache: ["sk_buff_fclones"],
  skbuff_head_cache: ["sk_buff"],
  sock_inode_cache: ["socket_alloc"],
  TCP: ["tcp_sock"],
  TCPv6: ["tcp6_sock"],
  tw_sock_TCP: ["tcp_timewait_sock"],
  tw_sock_TCPv6: ["tcp6_timewait_sock"],
  UDP: ["udp_sock"],
  "UDP-Lite": ["udp_sock"],
  UDPv6: ["udp6_sock"],
  UNIX: ["unix_sock"],
  "UNIX-STREAM": ["unix_sock"],
  user_namespace: ["user_namespace"],
  vm_area_struct: ["vm_area_struct"],
};

/**
 * The type of a cache's objects, which must fit into `objectSize` bytes: caches made with KMEM_CACHE have its name.
 * `undefined` for kmalloc's caches and unknown ones.
 */
export function typeOfCache(types: KernelTypes, name: string, objectSize: number): string | undefined {
  const names = Object.hasOwn(TYPES, name) ? (TYPES[name] as readonly string[]) : [name];
  return names
    .map((one) => `struct ${one}`)
    .find((type) => {
      const size = types.sizeOf(type);
      if (size === undefined || size === 0) return false;
      // The type of a cache itself ends with an array of one word per possible memory node.
      return size <= objectSize || type === "struct kmem_cache";
    });
}
