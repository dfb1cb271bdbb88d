// What a message takes from the dump, the command line or the system: the words for it in docs/messages.md, and an example. By the names that the
// source has for it.
import { CLOSE, OPEN } from "./messages-text.mjs";

/** Name: words | an example. A name that is not here stands for itself, and is a number. */
const WORDS = `
JSON: line | "PAGESIZE"
Literal: symbol | memstart_addr
bits: number | 12
blockSize: size | 4096
count: number | 3
first: number | 3
got: number | 12
i: number | 3
n: number | 12
says: offset | 8192
there: number | 12
LEVEL_BITS: names | zero, cache, cache-private, user, free
CLASS_NAMES: names | card, private-key, e-mail
PRIVACY_EXTRAS: names | registers, tty, log, host
PUBLIC_OUTPUTS: names | path, stream
NAMES: member | flags
PROGRAMS: program | lzop
Math: number | 512
action: action | watch
address: address | 7f000
allMachines: architectures | x86_64, arm64, s390x
answer: value | 3
arch: architecture | arm64
archive: kind of archive | zip archive
article: what is written | ELF
asymmetricKeyType: kind | RSA
at: place | the option level
banner: release | 6.1.0-18-amd64
base: name | task_struct
base64: text | abcd
char: character | *
chosen: codecs | zlib, lzo
choices: choices | none, zlib, lzo, snappy, zstd
code: code | NOTE
command: command | split
cure: what to do | Check it
cut: what is cut off | its pages
desc: what QEMU says | not supported
digests: which | output
error: reason | out of memory
file: file | vmcore
files: files | vmcore
flag: option | --sync
format: format | lzop
found: what was found | 12
gap: what | the page tables of modules
given: release | 6.1.0-18-amd64
guestFormat: number | 2
having: commands | filter, submit, plan
here: version | 0.1.0
holder: run | 7f3a
host: host | 127.0.0.1
id: ID of the run | 7f3a
ident: number | 3
identity: kernel | 6.1.0-18-amd64
input: file | vmcore
instead: address | 1f000
kept: classes | free pages
key: key | ticket-4711
kind: kind | RSA
labels: classes | free pages, page cache
letter: letter | d
link: link | out
list: list | 0xffff8000 and 0xffff9000
log: number | 2
lost: numbers | 3-5
machine: machine | vax
meant: nearest name | filter
message: what the system says | Array buffer allocation failed
name: name | example
nameOf: names | before, after
named: option | --dedupe
pageSize: size | 4096
names: names | user, free
nearest: nearest name | user
noun: what is missing | a dump
odd: number | 3
option: option | --result
other32: architecture | i386
out: region | eu-central-1
packageVersion: version | 0.2.0
packed: packing | gzip
packing: packing | gzip
part: part | 3G-1G
path: file | out.vmem
paths: files | vmcore
paddr: address | 2c3f000
pipe: pipe | gzip -dc
plural: outputs | ELF dumps
policy: policy | allkeys-lru
problem: reason | it is not running
program: version | 0.2.0
purpose: purpose | for the input
range: range | 0-4095
real: path | /dev/sda
reason: reason | its page tables were not found
recipient: text | age2
region: region | eu-central-1
release: release | 6.1.0-18-amd64
said: reason | timed out
saved: names | before, after
section: command | verify
seen: what was seen | 3 of 64 free pages have no mark
sign: file | owner.key
signal: signal | SIGINT
snapshot: snapshot | after
source: where | its kallsyms
start: bytes | 50 4b 03 04
state: state | shards
subcode: subcode | MACHINE_UNSUPPORTED
summary: reason | its page tables were not found
symbol: name | init_task
systemReason: what the system says | permission denied (EACCES)
target: target | /data/out
temporary: temporary file | .out.tmp
text: text | abc
through: member | next
topSymbol: symbol | swapper_pg_dir
tried: addresses | 0x1000000
type: type | struct list_head *
typeof: kind | symbol
unknown: name | colour
url: address | http://host
usage: command | coresieve staging PLACE
value: value | "abc"
version: version | 7
what: what | a size
where: where | 0x1f000
why: reason | it has no VMCOREINFO
without: what is missing | no symbols
word: word | chache
words: words | coresieve staging
wrong: member | output.sha256
`;
const known = new Map(
  WORDS.trim()
    .split("\n")
    .map((line) => /^(\w+): (.*) \| (.*)$/.exec(line)?.slice(1) ?? [line, line, line])
    .map(([name, words, example]) => [name, { words, example }]),
);

const MARKED = new RegExp(`${OPEN}([^${CLOSE}]*)${CLOSE}`, "g");

/** The text with words for what is known at run time only: *name*; in code NAME. */
export function wordsOf(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => {
      const isCode = part.startsWith("`");
      return (isCode ? part : escaped(part)).replace(MARKED, (_, name) => {
        const given = known.get(name)?.words ?? plain(name);
        const words = isCode && given === "number" ? plain(name) : given;
        return isCode ? words.split(" ")[0].toUpperCase() : `*${words}*`;
      });
    })
    .join("");
}

/** Nothing in it is taken for Markdown's own. */
function escaped(text) {
  return text.replaceAll(/[\\*[\]]/g, "\\$&").replaceAll("<", "&lt;");
}

/** The text as it may look. */
export function exampleOf(text) {
  let n = 0;
  return text.replace(MARKED, (_, name) => {
    const words = known.get(name);
    return words?.example ?? String(NUMBERS[n++ % NUMBERS.length]);
  });
}
const NUMBERS = [3, 16, 512, 4096];

/** Names of the source in words: maxMapnr, MAX_NOTES. */
function plain(name) {
  const words = /^[A-Z_]+$/.test(name) ? name.replaceAll("_", " ") : name.replaceAll(/([a-z])([A-Z])/g, "$1 $2");
  return words.toLowerCase();
}

/** Whether a text says nothing by itself: it is another message's. */
export function isRelayed(text) {
  const name = text.startsWith(OPEN) && text.indexOf(CLOSE) === text.length - 1 ? text.slice(1, -1) : undefined;
  // An empty reason: with another one the sentence stands there, too.
  return text === "" || /: *$|\(\)/.test(text) || name !== undefined;
}
