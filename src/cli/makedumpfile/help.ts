/** What `coresieve-makedumpfile --help` prints: 80 columns, one screen. */
export const MAKEDUMPFILE_HELP = `coresieve-makedumpfile: coresieve with makedumpfile's command line

Usage
  [-c|-l|-p|-z|-E] [-d DL] [-x VMLINUX|-i VMCOREINFO] VMCORE DUMPFILE
  -F [-c|-l|-p|-z|-E] [-d DL] VMCORE | ssh HOST "cat > FLAT"
  --dump-dmesg [--partial-dmesg] VMCORE LOGFILE
  --mem-usage VMCORE
  -R DUMPFILE < FLAT
  --split [-d DL] VMCORE DUMPFILE1 DUMPFILE2...
  --reassemble DUMPFILE1 DUMPFILE2... DUMPFILE

Options
  -c, -l, -p, -z           compress with zlib, LZO, snappy or zstd
  -d DL[,DL...]            dump level, 0 to 31: drop zero pages (1), page cache
                           (2, 4), user memory (8), free pages (16); further
                           levels are tried where there is no room
  -L SIZE                  largest output: bytes, or 500M, 2G
  -E                       write ELF
  -e                       drop struct pages of dropped pages as well
  -F                       write the flattened format to stdout
  -f                       overwrite existing files
  -x VMLINUX               take the kernel's layout from its vmlinux
  -i VMCOREINFO            take it from a VMCOREINFO text
      --config FILE        overwrite kernel data by rules (with -x)
      --num-threads N      worker threads
      --vtop ADDRESS       print the physical address of a kernel address
      --message-level ML   progress 1, common 2, errors 4, debug 8, report 16
      --show-stats         print the report
  -D                       print debug messages
      --dry-run            write nothing
      --check-params       check the command line only
  -v                       print the version
  -h, --help               print this text
Accepted, without effect: -b, --cyclic-buffer, --non-cyclic, --non-mmap,
--splitblock-size, --work-dir. Refused by name: -g, -X, --diskset, --eppic,
--extension, --xen*.
docs/makedumpfile-options.md says what becomes of every option.

LZO support: enabled; snappy support: enabled
`;
