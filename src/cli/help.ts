import { INPUT_HELP } from "./input-help.js";

/**
 * The help texts: by hand, 80 columns and 45 lines at most. Tests compare them with the options and the commands.
 * `coresieve --help`: what there is, and what most runs need.
 */
export const HELP = `coresieve makes Linux kernel crash dumps small and safe to hand over.

  coresieve DUMP OUT [options]     filter a dump
  coresieve -F DUMP [options]      the same, flattened to stdout for a pipe
  coresieve info DUMP [--json]     say what a dump is, and if it can be filtered
  coresieve verify DUMP            say what is wrong with a dump
  coresieve audit DUMP [options]   what of users is left in a finished dump
  coresieve dmesg DUMP             print the kernel log
  coresieve estimate DUMP          how large the output would be
  coresieve bench DUMP             how fast this machine filters it
  coresieve report DUMP            a page with a picture of its memory
  coresieve split DUMP OUT1 OUT2   filter into the files of a split set
  coresieve reassemble PART... OUT   make one file of a split set
  coresieve rearrange FLAT OUT     make a plain file of a flattened one
  coresieve uploads s3://BUCKET    unfinished uploads in an object store
  coresieve submit DUMP OUT        by many hosts (help worker, help jobs, …)
  coresieve help COMMAND           its options: help filter, help audit, …
  coresieve completion SHELL       completes commands in bash, zsh or fish
  coresieve help input             what DUMP may be, and how to tell it

What is dropped (if nothing is said: -d 31)
  -d, --level N            sum of 1 pages of zeros, 2 page cache, 4 page cache
                           with private data, 8 user memory, 16 free pages
      --exclude NAMES      the same by name: zero,cache,cache-private,user,free

How pages are compressed (if nothing is said: not at all)
  -c, --zlib   -l, --lzo   -p, --snappy   -z, --zstd
                           zlib opens everywhere, lzo and snappy are fast, zstd
                           is small

What is written
  -E, --elf                ELF instead of kdump-compressed
                           OUT.zst, OUT.lz4, OUT.gz are packed as a whole
  -f, --force              overwrite OUT
      --config FILE        take options from a JSON file; with all commands
  -v, --version            print the version, and whether zstd is there
  -h, --help               print this text

Examples
  coresieve vmcore small.kdump -d 31 -c
  coresieve -F vmcore -l | ssh HOST 'cat > small.flat'
Exit code: 0 done, 1 failed, 2 wrong command line, 128 + signal when stopped.
`;

/** `coresieve filter --help`: every option of a filter run. */
export const FILTER_HELP = `coresieve [filter] DUMP OUT [options]: filter a dump; OUT may be -, for stdout
coresieve [filter] -F DUMP [options]: the same, flattened to stdout for a pipe
${INPUT_HELP}

What is dropped (if nothing is said: -d 31)
  -d, --level N            sum of 1 zero, 2 cache, 4 cache with private data, 8
                           user, 16 free; 1,31: 31 where 1 has no room
      --exclude NAMES      the same by name: zero,cache,cache-private,user,free
      --privacy            all that may hold users' data: more than -d 31 does
      --privacy-extra LIST overwrite also: registers,tty
      --erase FILE         overwrite kernel data in kept pages, by rules in FILE
      --extension FILE     ask a JavaScript module about each page

How pages are compressed (if nothing is said: not at all)
  -c, --zlib               with zlib: every reader opens it
  -l, --lzo                with LZO: fast
  -p, --snappy             with snappy: fast
  -z, --zstd               with zstd: small; older readers do not open it
      --compress NAME      the same by name: none, zlib, lzo, snappy, zstd
      --compression-level N   zlib 1 to 9, zstd 1 to 19 (default 1)
      --dedupe             store pages of equal content once

What is written, and how it runs
  -E, --elf                ELF instead of kdump-compressed
  -F, --flatten            flattened to stdout; name no OUT
      --pack HOW           pack OUT: zstd, lz4, gzip, none (if nothing is said:
                           as its suffix .zst, .lz4 or .gz says)
  -f, --force              overwrite OUT
  -L, --size-limit SIZE    most bytes of OUT: 500M, 2G
      --on-full WHAT       no room: nothing (default) or incomplete is left
      --min-saving PERCENT   write no OUT that saves less of DUMP's size
      --sync               wait until the disk has OUT, then give it its name
  -g, --write-vmcoreinfo FILE   only the VMCOREINFO text of a dump; name no OUT
      --manifest FILE      write a record of the run, with digests, to FILE
      --report FILE        write a page with a picture of memory to FILE
      --manifest-digests WHICH   all (default), or output: not of the input
      --num-threads N      worker threads (default: one per core, 16 at most)
      --strict             make every warning an error
  -q, --quiet              print errors only
      --json               print the result as JSON
      --show-stats         print makedumpfile's report as well
  -v, --version            print the version, and whether zstd is there
  -h, --help               print this text

Example: coresieve vmcore small.kdump -d 31 -c
`;
