#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest that run.py boots, on a memory file system /mnt: coresieve on each file system. A line for each result: ok, BAD, or
# none (this kernel or machine lacks it). Functions on the command line are run alone, in their order,
# with words behind them: few reference fat=exfat=ntfs3.
set -u
W=/mnt CS=/mnt/coresieve DUMP=/mnt/dump
cd $W
mkdir -p ref p
BADS=0
say() { echo "$1 $2: $3${4:+ ($4)}"; [ "$1" != BAD ] || BADS=$((BADS + 1)); }
part() { echo "# $(cut -d' ' -f1 /proc/uptime) s: $*"; }

# The whole of what a folder holds, to tell what was left behind. NFS keeps a removed file that is open under a name of its own, and
# removes that some time after it was closed.
names() {
  local tries=100
  until ! ls -A "$1" 2>/dev/null | grep -q '^\.nfs' || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
  (cd "$1" 2>/dev/null && find . -mindepth 1 -printf '%P %s\n' | sort) 2>/dev/null
}

# runs WHERE NAME COMMAND...: has to end with 0 and say nothing; whatever it says otherwise is shown.
runs() {
  local where=$1 name=$2 rc; shift 2
  "$@" >$W/out.txt 2>$W/err.txt </dev/null; rc=$?
  [ $rc = 0 ] || { say BAD "$where" "$name" "exit code $rc: $(head -c 400 $W/err.txt | tr '\n' '|')"; return 1; }
  [ ! -s $W/err.txt ] || say "#" "$where" "$name said: $(head -c 300 $W/err.txt | tr '\n' '|')"
}

# fails WHERE NAME FOLDER CODE PATTERN COMMAND...: has to end with CODE and one line that has PATTERN; FOLDER has to be as it was.
fails() {
  local where=$1 name=$2 folder=$3 code=$4 pattern=$5 before; shift 5
  before=$(names "$folder")
  "$@" >$W/out.txt 2>$W/err.txt </dev/null
  judge "$where" "$name" "$folder" "$code" "$pattern" $? "$before"
}
judge() {
  local where=$1 name=$2 folder=$3 code=$4 pattern=$5 rc=$6 before=$7 said left
  said=$(head -c 600 $W/err.txt | tr '\n' '|'); left=$(diff <(echo "$before") <(names "$folder") | grep '^>' | tr '\n' ' ')
  if [[ $rc != $code ]]; then say BAD "$where" "$name" "exit code $rc, not $code: $said; left: $left"
  elif [ "$(grep -vc '^warning:' $W/err.txt)" != 1 ]; then say BAD "$where" "$name" "not one line: $said"
  elif ! grep -qE "$pattern" $W/err.txt; then say BAD "$where" "$name" "other words: $said"
  elif [ -n "$left" ] && ! grep -q "could not be removed" $W/err.txt; then say BAD "$where" "$name" "left behind: $left; $said"
  else say ok "$where" "$name" "$said"; fi
}

same() { # same WHERE NAME FILE REFERENCE
  if cmp -s "$3" "$4"; then say ok "$1" "$2"; else say BAD "$1" "$2" "differs from the ordinary run's: $(stat -c %s "$3" "$4" 2>&1 | tr '\n' ' ')"; fi
}

# Every kind of output into folder $2; the names are those of the reference. After `few` one of each kind.
FEW=
few() { FEW=1; }
every_format() {
  local where=$1 d=$2 c
  for c in lzo ${FEW:-zlib snappy zstd none}; do [ $c = 1 ] || runs "$where" "kdump $c" $CS $DUMP $d/$c --compress $c -q; done
  runs "$where" elf $CS $DUMP $d/elf -d 0 -E -q
  runs "$where" sync $CS $DUMP $d/sync -l -q --sync
  runs "$where" flat sh -c "$CS -F $DUMP -l -q >$d/flat"
  runs "$where" "packed gz" $CS $DUMP $d/packed.gz -l -q
  runs "$where" split $CS split $DUMP $d/split1 $d/split2 $d/split3 -l -q
  runs "$where" "manifest and report" $CS $DUMP $d/recorded -l -q --manifest $d/recorded.json --report $d/recorded.html
  steps "$where" $d kdump -l
  [ -z "$FEW" ] || return
  runs "$where" lime $CS $DUMP $d/lime --format lime -q
  runs "$where" "packed zst" $CS $DUMP $d/packed.zst -l -q
  runs "$where" reassemble $CS reassemble $d/split1 $d/split2 $d/split3 $d/whole -q
  runs "$where" rearrange $CS rearrange $d/flat $d/plain -q
  runs "$where" "over another" $CS $d/elf $d/plain -l -f -q
  runs "$where" "verify" $CS verify $d/recorded --manifest $d/recorded.json --against $DUMP
  runs "$where" report $CS report $DUMP $d/page.html
  runs "$where" handover $CS handover $DUMP $d/handed -q
  steps "$where" $d stepelf -E
}
# Three shards, the last one first, then one that is done already.
steps() {
  local where=$1 d=$2 name=$3 i; shift 3
  runs "$where" "plan $name" $CS plan $DUMP $d/$name --staging $d/staging --shards 3 -q "$@" || return 1
  for i in 2 0 1 0; do runs "$where" "shard $i $name" $CS shard $d/staging $i -q || return 1; done
  runs "$where" "finish $name" $CS finish $d/staging -q
  runs "$where" "clean $name" $CS staging $d/staging --clean
  [ -z "$(names $d/staging)" ] || say BAD "$where" "steps $name" "left in the staging: $(names $d/staging | tr '\n' ' ')"
  rm -rf $d/staging
}
# Those that do not name their place or time.
OUTPUTS="zlib lzo snappy zstd none elf sync lime flat packed.gz packed.zst split1 split2 split3 whole plain recorded handed kdump stepelf"
reference() {
  part "the ordinary runs"
  every_format reference ref
  # The reference's own shards are the ordinary run, too.
  same reference "steps, kdump" ref/kdump ref/lzo; same reference "sync" ref/sync ref/lzo
  OUTPUTS=$(cd ref && ls -d $OUTPUTS 2>/dev/null); (cd ref && sha256sum $OUTPUTS | sed 's/^/# /')
}
compare_all() {
  local where=$1 d=$2 name good=0 all=0
  for name in $OUTPUTS; do
    all=$((all + 1)); if cmp -s $d/$name ref/$name; then good=$((good + 1)); else say BAD "$where" "$name" "differs: $(stat -c %s $d/$name 2>&1)"; fi
  done
  say ok "$where" "$good of $all outputs are the ordinary ones"
  names $d | grep -E '\.partial|coresieve-' >$W/left.txt && say BAD "$where" "left behind" "$(tr '\n' ' ' <$W/left.txt)"
  return 0
}

# place TYPE SIZE_MIB [MOUNT OPTIONS]: a new file system at p/TYPE, on dm device TYPE over a loop device.
place() {
  local type=$1 size=$2 options=${3:-} loop
  gone $type
  truncate -s ${size}M $type.img; loop=$(losetup -f --show $type.img) || return 1
  dmsetup create $type --table "0 $((size * 2048)) linear $loop 0" --noudevsync || return 1
  dmsetup mknodes $type 2>/dev/null
  case $type in
  vfat) mkfs.vfat -F 32 -s 1 /dev/mapper/$type ;; exfat) mkfs.exfat /dev/mapper/$type ;;
  ntfs*) mkntfs -Q -F /dev/mapper/$type ;; xfs) mkfs.xfs -q -f /dev/mapper/$type ;;
  ext4) mke2fs -q -t ext4 -O quota -E quotatype=usrquota /dev/mapper/$type ;;
  btrfs) mkfs.btrfs -q /dev/mapper/$type ;; f2fs) mkfs.f2fs -q /dev/mapper/$type ;;
  esac >$W/mkfs.txt 2>&1 || { say none $type "cannot be made: $(tr '\n' ' ' <$W/mkfs.txt)"; return 1; }
  mkdir -p p/$type; mount -t $type ${options:+-o $options} /dev/mapper/$type p/$type 2>$W/mkfs.txt || { say none $type "not mounted: $(cat $W/mkfs.txt)"; return 1; }
}
gone() {
  local type=$1
  umount -l p/$type 2>/dev/null; sleep 0.2
  dmsetup remove -f --retry $type --noudevsync 2>/dev/null
  losetup -j $type.img | cut -d: -f1 | xargs -r losetup -d; rm -f $type.img
}
becomes() { # becomes TYPE TABLE: the device under a file system changes
  local type=$1 size loop; shift
  size=$(dmsetup table $type | cut -d' ' -f2); loop=$(losetup -j $type.img | cut -d: -f1)
  dmsetup suspend --nolockfs --noflush --noudevsync $type; dmsetup load $type --table "0 $size ${*//LOOP/$loop}"; dmsetup resume --noudevsync $type
}

# midway WHERE NAME FOLDER CODE PATTERN ACTION AT COMMAND...: ACTION when the command has written a part of its output o in AT; it stands
# still meanwhile. What a dead disk lost does not count, what is there and was not does.
midway() {
  local where=$1 name=$2 folder=$3 code=$4 pattern=$5 action=$6 at=$7 before pid i=0 now; shift 7
  before=$(names $folder)
  "$@" >$W/out.txt 2>$W/err.txt </dev/null & pid=$!
  while kill -0 $pid 2>/dev/null; do
    now=$(du -ck $at/.o.*.partial 2>/dev/null | tail -1 | cut -f1)
    [ "${now:-0}" -lt 500 ] || break
  done
  kill -STOP $pid 2>/dev/null || { wait $pid; say BAD "$where" "$name" "ended before: $(cat $W/err.txt)"; return; }
  eval "$action" >$W/action.txt 2>&1; kill -CONT $pid
  wait $pid; i=$?
  [ -z "${AFTER:-}" ] || eval "$AFTER" >>$W/action.txt 2>&1
  judge "$where" "$name" "$folder" "$code" "$pattern" $i "$before"
}
SLOW="-d 0 -c --compression-level 9 -q --num-threads 1"

# What a disk that is too small says, of each kind of output; $2 has some MiB.
too_small() {
  local where=$1 d=$2 pattern=${3:-no space left}
  fails "$where" "full, elf" $d 1 "$pattern" $CS $DUMP $d/o -d 0 -E -q
  fails "$where" "full, kdump" $d 1 "$pattern" $CS $DUMP $d/o -d 0 --compress none -q
  fails "$where" "full, sync" $d 1 "$pattern" $CS $DUMP $d/o -d 0 --compress none -q --sync
  head -c 4500000 /dev/urandom >$d/filler; [ -z "${AS:-}" ] || chown 1000:1000 $d/filler
  fails "$where" "full, packed" $d 1 "$pattern|temporary file .* is full" $CS $DUMP $d/o.gz -d 0 --compress none -q
  rm -f $d/filler
  fails "$where" "full, split" $d 1 "$pattern" $CS split $DUMP $d/o1 $d/o2 -d 0 --compress none -q
  fails "$where" "full, manifest" $d 1 "$pattern" $CS $DUMP $d/o -d 0 --compress none -q --manifest $d/o.json
  $CS $DUMP $d/o -d 0 --compress none -q --on-full incomplete 2>$W/err.txt
  if [ -e $d/o ] && grep -q "marked incomplete" $W/err.txt; then say ok "$where" "full, --on-full incomplete" "$(cat $W/err.txt)"
  else say "#" "$where" "full, --on-full incomplete: none, the disk said so too late" "$(cat $W/err.txt)"; fi
  rm -f $d/o
  runs "$where" "full, plan" $CS plan $DUMP $d/o --staging $d/s --shards 2 -q -d 0 --compress none || return
  local rc; $CS shard $d/s 0 -q 2>$W/err.txt; rc=$?; $CS shard $d/s 1 -q 2>>$W/err.txt; rc="$rc $?"
  $CS finish $d/s -q 2>>$W/err.txt; rc="$rc $?"
  say "#" "$where" "full, shards: exit codes $rc" "$(tr '\n' '|' <$W/err.txt)"
  case "$rc" in *"75") ;; *) say BAD "$where" "full, shards" "exit codes $rc" ;; esac
  [ ! -e $d/o ] || say BAD "$where" "full, shards" "there is an output"
  runs "$where" "staging --clean" $CS staging $d/s --clean; rm -rf $d/s
  [ -z "$(names $d | grep -vE "lost.found|System Volume")" ] || say BAD "$where" "left behind" "$(names $d | tr '\n' ' ')"
}

as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }

quota() {
  part "quotas"
  local type
  for type in ext4 xfs; do
    place $type 320 $([ $type = xfs ] && echo uquota || echo usrquota) || continue
    mkdir p/$type/u; chown 1000:1000 p/$type/u; chmod 700 p/$type/u
    if [ $type = xfs ]; then xfs_quota -x -c 'limit bhard=6m 1000' p/xfs; else setquota -u 1000 0 6144 0 0 p/ext4; fi || say none $type "no quota"
    AS=as_user CS="as_user $W/coresieve" too_small "$type, quota" p/$type/u "quota"
    if [ $type = xfs ]; then xfs_quota -x -c 'limit bhard=0 ihard=1 1000' p/xfs; else setquota -u 1000 0 0 0 1 p/ext4; fi
    fails "$type, quota of files" "elf" p/$type/u 1 "quota" as_user $W/coresieve $DUMP p/$type/u/o -E -q
    gone $type
  done
}

fat() {
  part "file systems without links, holes, permissions"
  local type
  for type in ${@:-vfat exfat ntfs3 ntfs}; do
    place $type 400 || { gone $type; continue; }
    mkdir p/$type/d; every_format $type p/$type/d; compare_all $type p/$type/d
    odd_names $type p/$type
    gone $type
    place $type 8 && too_small "$type of 8 MiB" p/$type
    gone $type
  done
}
# Names that are one for the file system and two for a program.
odd_names() {
  local type=$1 d=$2 before
  cp $DUMP $d/input; before=$(sha256sum <$d/input)
  if [ -e $d/INPUT ]; then
    fails $type "the input by another case, -f" $d 1 "input|is the dump" $CS $d/input $d/INPUT -f -q
    fails $type "an output that exists by another case" $d 1 "exist" $CS $DUMP $d/INPUT -q
    fails $type "a split set with one name twice" $d '[12]' "same|twice|one file|exist|created by somebody else" $CS split $DUMP $d/part $d/PART -q
    fails $type "the same, -f" $d '[12]' "same|twice|one file" $CS split $DUMP $d/part $d/PART. -q -f
    fails $type "output and manifest with one name, -f" $d '[12]' "same|twice|one file|is the output" $CS $DUMP $d/both -q -f --manifest $d/BOTH
    fails $type "output and manifest with one name" $d '[12]' "same|twice|one file|exist|created by somebody else" $CS $DUMP $d/both -q --manifest $d/BOTH
    fails $type "output and report with one name" $d '[12]' "same|twice|one file|exist|created by somebody else" $CS $DUMP $d/both -q --report $d/BOTH
    fails $type "manifest over the input, -f" $d '[12]' "input" $CS $d/input $d/other -q -f --manifest $d/INPUT
  else say "#" $type "names differ by case"; fi
  rm -f $d/both
  [ "$before" = "$(sha256sum <$d/input)" ] || say BAD $type "the input" "was written to"
  local name
  for name in 'colon:s' 'question?' 'dot.' 'space ' 'com1' "$(printf 'a%.0s' $(seq 255))"; do
    $CS $DUMP "$d/$name" -l -q 2>$W/err.txt; local rc=$?
    if [ $rc = 0 ] && cmp -s "$d/$name" ref/lzo; then say ok $type "name ${name:0:12}" "the output; listed as $(names $d | grep -v input | cut -c1-14 | tr '\n' ' ')"
    elif [ $rc = 1 ] && [ "$(wc -l <$W/err.txt)" = 1 ]; then say ok $type "name ${name:0:12}" "$(cut -c1-300 $W/err.txt)"
    else say BAD $type "name ${name:0:12}" "exit code $rc: $(tr '\n' '|' <$W/err.txt)"; fi
    rm -f "$d/$name"
    [ "$(names $d | grep -v '^d\b' | wc -l)" = 1 ] || say BAD $type "name ${name:0:12}" "left: $(names $d | grep -v '^d/' | tr '\n' '|')"
  done
  rm -f $d/input
}

four_gib() {
  part "files over 4 GiB on FAT"
  # Data that nobody reads again go nowhere: the file system's beginning is kept, the rest is a device of zeros.
  local loop; truncate -s 64M big.img; loop=$(losetup -f --show big.img)
  dmsetup create big --noudevsync --table "0 131072 linear $loop 0
131072 20840448 zero" && dmsetup mknodes big; mkfs.vfat -F 32 -s 64 /dev/mapper/big >/dev/null; mkdir -p p/big; mount -t vfat /dev/mapper/big p/big || return
  truncate -s 4200M zeros
  fails "vfat" "raw memory of 4,200 MiB, file of over 4 GiB" p/big 1 "larger than the file system or a limit" $CS zeros p/big/o --raw 0 --format raw -d 0 -q
  fails "vfat" "elf of 4,200 MiB" p/big 1 "larger than the file system or a limit" $CS zeros p/big/o --raw 0 -E -d 0 -q
  umount p/big; dmsetup remove --noudevsync big; losetup -d $loop; rm -f big.img zeros
}
limits() {
  part "a limit on file sizes"
  local what
  for what in "-d 0 -E" "-d 0 --compress none" "-d 0 --compress none --pack gzip" "-d 0 --compress none --sync"; do
    fails "ulimit -f 1000" "$what" p 1 "larger than the file system or a limit" bash -c "ulimit -f 1000; $CS $DUMP p/o $what -q"
  done
  fails "ulimit -f 1000" "split" p 1 "larger than the file system or a limit" bash -c "ulimit -f 1000; $CS split $DUMP p/o1 p/o2 -d 0 --compress none -q"
  fails "ulimit -f 1000" "stdout" p 1 "larger than the file system or a limit" bash -c "ulimit -f 1000; $CS -F $DUMP -d 0 --compress none -q >$W/flat.out"
  fails "ulimit -f 20" "report" p 1 "larger than the file system or a limit" bash -c "ulimit -f 20; $CS report $DUMP p/o.html"
  rm -f $W/flat.out
}

overlay() {
  part "overlayfs, tmpfs"
  mkdir -p ov/lower/d ov/upper ov/work p/overlay; mount -t tmpfs tmpfs ov/lower 2>/dev/null; mkdir -p ov/lower/d
  echo old >ov/lower/d/old; cp $DUMP ov/lower/d/input; chmod 755 ov/lower/d
  mount -t overlay -o lowerdir=$W/ov/lower,upperdir=$W/ov/upper,workdir=$W/ov/work none p/overlay || { say none overlay "not mounted"; return; }
  runs overlay "input and output in a lower folder" $CS p/overlay/d/input p/overlay/d/first -l -q; same overlay "a lower folder" p/overlay/d/first ref/lzo
  runs overlay "over a lower file, -f" $CS $DUMP p/overlay/d/old -l -q -f; same overlay "over a lower file" p/overlay/d/old ref/lzo
  fails overlay "over the lower input, -f" p/overlay/d 1 "input|is the dump" $CS p/overlay/d/input p/overlay/d/input -f -q
  rm -f p/overlay/d/old p/overlay/d/first
  every_format overlay p/overlay/d; compare_all overlay p/overlay/d
  # What is copied up while it is read.
  mkdir p/overlay/out
  midway "overlay" "the input is copied up in mid-run" p/overlay/out 1 "changed|written" "echo x >>p/overlay/d/input" p/overlay/out $CS p/overlay/d/input p/overlay/out/o $SLOW
  umount p/overlay; umount ov/lower; rm -rf ov
  mkdir -p p/tmpfs; mount -t tmpfs -o size=6m tmpfs p/tmpfs; too_small "tmpfs of 6 MiB" p/tmpfs; umount p/tmpfs
  mount -t tmpfs -o size=60m,nr_inodes=2 tmpfs p/tmpfs; fails "tmpfs of 1 inode" "elf with a manifest" p/tmpfs 1 "no space left" $CS $DUMP p/tmpfs/o -l -q --manifest p/tmpfs/m; umount p/tmpfs
}

going_away() {
  part "file systems that become read-only or go away"
  local type
  place ext4 160 errors=remount-ro && midway ext4 "read-only in mid-run (its journal is aborted)" p/ext4 1 "read-only|cannot be written|I/O error" "mount -o remount,abort p/ext4" p/ext4 $CS $DUMP p/ext4/o $SLOW; gone ext4
  for type in ${@:-ext4 xfs vfat exfat ntfs3}; do
    place $type 320 || { gone $type; continue; }
    # What a dead disk keeps of names cannot be changed: only what the run says counts here.
    midway $type "the disk is gone in mid-run, --sync" p/none 1 "I/O error|cannot be written|read-only" "becomes $type error" p/$type $CS $DUMP p/$type/o $SLOW --sync
    gone $type
    place $type 320 || continue
    midway $type "writes fail in mid-run, then the disk is back, --sync" p/none 1 "I/O error|cannot be written|read-only" "becomes $type flakey LOOP 0 0 1000 1 error_writes" p/$type $CS $DUMP p/$type/o $SLOW --sync
    gone $type
    place $type 320 || continue
    cp $DUMP p/$type/input; sync; echo 3 >/proc/sys/vm/drop_caches
    midway $type "the input's disk is gone in mid-run" p 1 "I/O error|cannot be read" "becomes $type error; echo 3 >/proc/sys/vm/drop_caches" p $CS p/$type/input p/o $SLOW
    rm -f p/o; gone $type
  done
  place ext4 160 && midway ext4 "unmounted (lazily) in mid-run" p/ext4 1 "cannot be written|folder" "umount -l p/ext4" p/ext4 $CS $DUMP p/ext4/o $SLOW; gone ext4
}

ninep() {
  part "9p"
  local cache
  for cache in none mmap loose; do
    mkdir -p p/9p; mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=$cache share p/9p || { say none 9p "not mounted"; continue; }
    mkdir p/9p/$cache; if [ $cache = none ]; then every_format "9p" p/9p/$cache; compare_all 9p p/9p/$cache; together 9p p/9p/$cache
    else runs "9p, cache=$cache" elf $CS $DUMP p/9p/$cache/elf -d 0 -E -q; same "9p, cache=$cache" elf p/9p/$cache/elf ref/elf
      runs "9p, cache=$cache" sync $CS $DUMP p/9p/$cache/lzo -l -q --sync; same "9p, cache=$cache" sync p/9p/$cache/lzo ref/lzo
      steps "9p, cache=$cache" p/9p/$cache kdump -l; same "9p, cache=$cache" steps p/9p/$cache/kdump ref/lzo; fi
    rm -rf p/9p/$cache; umount p/9p
  done
}
virtio() {
  part "virtiofs"
  mkdir -p p/virtiofs; if mount -t virtiofs virtiofs p/virtiofs 2>$W/err.txt; then
    mkdir p/virtiofs/d; every_format virtiofs p/virtiofs/d; compare_all virtiofs p/virtiofs/d; together virtiofs p/virtiofs/d; rm -rf p/virtiofs/d; umount p/virtiofs
  else say none virtiofs "not mounted: $(cat $W/err.txt)"; fi
}
# Steps by workers that run at once.
together() {
  local where=$1 d=$2 i pids="" rc
  rm -rf $d/*
  runs "$where, workers at once" plan $CS plan $DUMP $d/kdump --staging $d/staging --shards 4 -l -q || return
  for i in 3 1 0 2 2; do $CS shard $d/staging $i -q 2>$W/worker$i-$RANDOM.txt & pids="$pids $!"; done
  for i in $pids; do wait $i || say "#" "$where, workers at once" "a shard ended with $?" ; done
  cat $W/worker*.txt | sort | uniq -c | sed 's/^/# /'; rm -f $W/worker*.txt
  for i in $($CS staging $d/staging --missing | tr ',' ' '); do runs "$where, workers at once" "missing $i" $CS shard $d/staging $i -q; done
  runs "$where, workers at once" finish $CS finish $d/staging -q; same "$where, workers at once" steps $d/kdump ref/lzo
  runs "$where, workers at once" clean $CS staging $d/staging --clean
  [ -z "$(names $d/staging)" ] || say BAD "$where, workers at once" "left: $(names $d | tr '\n' ' ')"
  rm -rf $d/staging
}
# Two runs to one name at the same moment, again and again: one output is there, whole, and the other run says why it has none. With -f
# both may succeed, one after the other; the files of a set are of the same run. Their codecs differ, which shows whose a file is.
at_once() {
  part "two runs to one name"
  local type kind force i one other codes bad outs name whose
  local base="-d 31 -q --num-threads 1"
  mkdir -p once
  for name in l:1 c:2; do
    $CS $DUMP once/kdump${name#*:} $base -${name%:*}; $CS $DUMP once/packed${name#*:} $base -${name%:*} --pack gzip
    $CS split $DUMP once/split${name#*:} once/splitb${name#*:} $base -${name%:*}
  done
  $CS $DUMP once/elf1 $base -E; $CS $DUMP once/elf2 -d 30 -q -E
  for type in ${@:-ext4 vfat}; do
    place $type 300 || continue
    mkdir p/$type/d
    for kind in kdump elf packed split manifest; do for force in "" -f; do
      declare -A seen=(); bad=
      for i in $(seq ${TIMES:-3}); do
        rm -rf p/$type/d; mkdir p/$type/d
        outs="p/$type/d/o"; one="$base -l"; other="$base -c"
        case $kind in
        elf) one="$base -E"; other="-d 30 -q -E" ;; packed) one+=" --pack gzip"; other+=" --pack gzip" ;;
        manifest) one+=" --manifest p/$type/d/m"; other+=" --manifest p/$type/d/m" ;; split) outs+=" p/$type/d/ob" ;;
        esac
        (cd $W; $CS $([ $kind != split ] || echo split) $DUMP $outs $one $force >out1.txt 2>err1.txt & a=$!
          $CS $([ $kind != split ] || echo split) $DUMP $outs $other $force >out2.txt 2>err2.txt; b=$?; wait $a; echo "$? $b" >codes.txt)
        codes=$(cat codes.txt); whose=
        for name in 1 2; do cmp -s p/$type/d/o once/${kind/manifest/kdump}$name && whose=$name; done
        [ -n "$whose" ] || bad+="an output of neither; "
        case "$codes" in "0 1") [ "$whose" = 1 ] || bad+="the failed run's output; " ;; "1 0") [ "$whose" = 2 ] || bad+="the failed run's output; " ;;
        "0 0") [ -n "$force" ] || bad+="both succeeded; " ;; *) bad+="exit codes $codes; " ;; esac
        [ $kind != split ] || cmp -s p/$type/d/ob once/splitb$whose || bad+="a mixed set; "
        if [ $kind = manifest ]; then $CS verify p/$type/d/o --manifest p/$type/d/m >/dev/null 2>err.txt || bad+="verify: $(cat err.txt); "; fi
        [ "$(names p/$type/d | wc -l)" = $(case $kind in split | manifest) echo 2 ;; *) echo 1 ;; esac) ] || bad+="left: $(names p/$type/d | tr '\n' ' '); "
        name="exit codes $codes $(cat err1.txt err2.txt | cut -c1-120 | tr '\n' '|')"; seen[$name]=$((${seen[$name]:-0} + 1))
      done
      if [ -n "$bad" ]; then say BAD "$type, at once" "$kind $force" "$bad"; else say ok "$type, at once" "$kind $force" "$(for name in "${!seen[@]}"; do echo -n "${seen[$name]} times $name; "; done)"; fi
      unset seen
    done; done
    gone $type
  done
}
nfs() {
  part "NFS"
  local v
  place ext4 300 usrquota || return
  mkdir -p p/ext4/d p/nfs /run/rpcbind /var/lib/nfs/rpc_pipefs /var/lib/nfs/v4recovery /proc/fs/nfsd; chown 1000:1000 p/ext4/d
  mount -t nfsd nfsd /proc/fs/nfsd 2>/dev/null; rpcbind -w 2>/dev/null; : >/var/lib/nfs/etab
  rpc.mountd 2>/dev/null; rpc.nfsd 2 2>$W/err.txt; exportfs -o rw,no_root_squash,insecure,fsid=0,no_subtree_check,sync 127.0.0.1:$W/p/ext4 2>>$W/err.txt
  for v in ${@:-3 4.2}; do
    mount -t nfs -o vers=$v,soft,timeo=20,retrans=1,nolock,proto=tcp 127.0.0.1:$([ $v = 3 ] && echo $W/p/ext4 || echo /) p/nfs 2>$W/err.txt || { say none "nfs $v" "not mounted: $(tr '\n' ' ' <$W/err.txt)"; continue; }
    if [ $v = 4.2 ]; then every_format "nfs $v" p/nfs/d; compare_all "nfs $v" p/nfs/d; together "nfs $v" p/nfs/d
    else runs "nfs $v" elf $CS $DUMP p/nfs/d/elf -d 0 -E -q; same "nfs $v" elf p/nfs/d/elf ref/elf; steps "nfs $v" p/nfs/d kdump -l; same "nfs $v" steps p/nfs/d/kdump ref/lzo; fi
    rm -rf p/nfs/d/*; chown 1000:1000 p/ext4/d
    setquota -u 1000 0 6144 0 0 p/ext4; AS=as_user CS="as_user $W/coresieve" too_small "nfs $v, quota" p/nfs/d "quota"; setquota -u 1000 0 0 0 0 p/ext4
    AFTER="rpc.nfsd 2; sleep 1; rm -f p/ext4/d/.o.*" midway "nfs $v" "the server is gone in mid-run" p/ext4/d 1 "cannot be written|I/O error|timed out|stale" "rpc.nfsd 0" p/nfs/d $CS $DUMP p/nfs/d/o $SLOW
    umount -f -l p/nfs
  done
  rpc.nfsd 0; gone ext4
}

part "$(uname -r), $($CS --version)"
[ "${1:-all}" != all ] || set -- reference quota fat four_gib limits overlay ninep virtio nfs going_away at_once
for what in "$@"; do ${what//=/ }; done
part "$BADS bad"
