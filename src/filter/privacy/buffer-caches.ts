import { type KernelObjects, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleVariable, withModule } from "../../kernel/objects/module-objects.js";
import type { CacheShape } from "../../kernel/objects/slab-walk.js";
import { isMerged } from "./type-holes.js";
import { watchedKernel } from "./watched-kernel.js";

/** The kinds of users' data that all objects of a cache may be. */
export type BufferKind = "path-names" | "driver-buffers";

/** Caches whose objects have nothing but users' data. */
export interface BufferCaches {
  /** The kind of a cache's objects; `undefined` for other caches, and where it has, or may have, others' objects too. */
  kindOf(cache: Pick<CacheShape, "address" | "name">): BufferKind | undefined;
  /** The cache of struct journal_head, and the kernel with that type, if these are known. */
  readonly journal: { readonly cache: bigint; readonly kernel: KernelObjects } | undefined;
  /** Buffers in caches that the kernel merged with others, where nothing else leads to them: for `remains`. */
  readonly missing: readonly string[];
}

const NAMES = "names of files on their way through calls";
/** Where the kernel keeps the addresses of such caches: how many of them, and by what name it shows them. */
const OWNERS: readonly Owner[] = [
  { what: NAMES, module: "", variable: "names_cachep", names: /^names_cache$/ },
  { what: "NFS (SUNRPC)", module: "sunrpc", variable: "rpc_buffer_slabp", names: /^rpc_buffers$/, isLed: true },
  { what: "CIFS", module: "cifs", variable: "cifs_req_cachep", names: /^cifs_request$/ },
  { what: "CIFS (small)", module: "cifs", variable: "cifs_sm_req_cachep", names: /^cifs_small_rq$/ },
  // JBD2_MAX_SLABS
  { what: "jbd2", module: "jbd2", variable: "jbd2_slab", count: 8, names: /^jbd2_\d+k$/, isLed: true },
];
/**
 * Caches of which there is one for each disk or server, whose owners lead to them; buffers of ZFS (small files among them), headers of eCryptfs.
 */
const FURTHER = /^(?:9p-fcall-cache.*|dm_bufio_cache.*|nandsim|zio_(?:data_)?buf_.+|ecryptfs_(?:headers|xattr_cache))$/;
/**
 * What calls copied whole from their programs: `kmalloc` memory that the kernel keeps apart (6.11 and later,
 * CONFIG_SLAB_BUCKETS). These caches are not merged.
 */
const COPIES = /^memdup_user-\d+k?$/;
const MAX_CLIENTS = 1 << 12;

interface Owner {
  readonly what: string;
  /** Empty: always built in. */
  readonly module: string;
  readonly variable: string;
  readonly count?: number;
  readonly names: RegExp;
  /** Other functions follow the owner's structs to each buffer in use. */
  readonly isLed?: boolean;
}

/**
 * The kernel merges caches with objects of one size (without slab_nomerge). Such a cache has the name of the one that was
 * made first, also when that is gone, and objects of others. So caches are told by the pointers of their owners, and by
 * their names only where these are not known.
 */
export function bufferCaches(
  kernel: KernelObjects,
  caches: Iterable<Pick<CacheShape, "address" | "name">>,
): BufferCaches {
  const { memory } = kernel;
  const kinds = new Map<bigint, BufferKind>();
  /** Names that are not believed: the pointers of their owners are known. */
  const known: RegExp[] = [];
  const missing: string[] = [];
  const merged = new Set<string>();
  for (const { what, module, variable, count = 1, names, isLed = false } of OWNERS) {
    const at = module === "" ? kernel.symbols.address(variable) : moduleVariable(kernel, module, variable);
    if (at === undefined) {
      // Since 7.0 no symbol leads to this cache, which every kernel has.
      const isTheirs = ({ address, name }: Pick<CacheShape, "address" | "name">) =>
        names.test(name) && !isMerged(kernel, address);
      if (what === NAMES && ![...caches].some(isTheirs)) missing.push(mergedCache(what));
      continue;
    }
    known.push(names);
    for (let i = 0; at !== "none" && i < count; i++) {
      const cache = memory.readWord(at + BigInt(i * memory.wordSize));
      if (!cache || !memory.isKernelAddress(cache)) continue;
      if (!isMerged(kernel, cache)) kinds.set(cache, what === NAMES ? "path-names" : "driver-buffers");
      else if (isLed) merged.add(what);
      else missing.push(mergedCache(what));
    }
  }
  const clients = clientCaches(kernel);
  if (clients?.cut) missing.push("9p and dm-bufio: the lists of their caches are cut off");
  else if (clients !== undefined) known.push(/^(?:9p-fcall-cache.*|dm_bufio_cache.*)$/);
  for (const cache of clients?.caches ?? []) if (!isMerged(kernel, cache)) kinds.set(cache, "driver-buffers");
  const journal = journalOf(kernel);
  if (journal === undefined && merged.has("jbd2")) missing.push(mergedCache("the journals of file systems (jbd2)"));
  return {
    kindOf({ address, name }) {
      const kind = kinds.get(address);
      if (kind !== undefined) return kind;
      if (known.some((names) => names.test(name)) || isMerged(kernel, address)) return undefined;
      const owner = OWNERS.find(({ names }) => names.test(name));
      if (owner !== undefined) return owner.what === NAMES ? "path-names" : "driver-buffers";
      return FURTHER.test(name) || COPIES.test(name) ? "driver-buffers" : undefined;
    },
    journal,
    missing,
  };
}

const mergedCache = (what: string) => `${what}: the kernel has merged their cache with another`;

function journalOf(base: KernelObjects): BufferCaches["journal"] {
  const wanted = { module: "jbd2", type: "journal_head", variable: "jbd2_journal_head_cache" };
  const driver = withModule(base, wanted);
  if (driver === undefined || driver === "none") return undefined;
  const cache = base.memory.readWord(driver.at);
  return cache ? { cache, kernel: driver.kernel } : undefined;
}

/** Caches of blocks of disks (dm-bufio) and of requests to 9p servers; `undefined` if not all owners can be asked. */
function clientCaches(base: KernelObjects): { readonly caches: bigint[]; readonly cut: boolean } | undefined {
  const watched = watchedKernel(base);
  const { kernel } = watched;
  const caches: bigint[] = [];
  const disks = withModule(kernel, {
    module: "dm_bufio",
    type: "dm_bufio_client",
    variable: "dm_bufio_all_clients",
  });
  const servers = withModule(kernel, { module: "9p", type: "v9fs_session_info", variable: "v9fs_sessionlist" });
  if (disks === undefined || servers === undefined) return undefined;
  const add = (cache: bigint | undefined) => {
    if (cache && kernel.memory.isKernelAddress(cache)) caches.push(cache);
  };
  if (disks !== "none") {
    for (const client of walkList(disks.kernel, disks.at, "dm_bufio_client", "client_list", MAX_CLIENTS))
      add(readMember(disks.kernel, "dm_bufio_client", client, "slab_cache"));
  }
  if (servers !== "none") {
    for (const session of walkList(servers.kernel, servers.at, "v9fs_session_info", "slist", MAX_CLIENTS)) {
      const client = readMember(servers.kernel, "v9fs_session_info", session, "clnt");
      if (client) add(readMember(servers.kernel, "p9_client", client, "fcall_cache"));
    }
  }
  return { caches, cut: watched.cut };
}
