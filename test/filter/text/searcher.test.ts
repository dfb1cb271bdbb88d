/** The search for many secrets at once, against the plainest search there is; and the files they are read from. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseSecrets } from "../../../src/audit/secrets.js";
import { createSearcher } from "../../../src/filter/text/searcher.js";
import { failureOf } from "../../support/open.js";

/** Few different bytes, so that secrets occur, overlap and begin like each other. */
const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength, max: 2 }).map((array) => Buffer.from(array));

test("finds every place of every secret, as a plain search does", () => {
  fc.assert(
    fc.property(
      fc.array(bytes(4, 9), { minLength: 1, maxLength: 6 }),
      bytes(0, 300),
      fc.nat(300),
      (secrets, text, end) => {
        const searcher = createSearcher(
          secrets.map((secret, line) => ({ line, bytes: secret })),
          4096,
        );
        searcher.input.fill(0xff);
        searcher.input.set(text);
        const places = Math.min(end, text.length);
        const found: string[] = [];
        searcher.search(places, text.length, (secret, at) => found.push(`${secret} at ${at}`));
        const expected: string[] = [];
        secrets.forEach((secret, i) => {
          for (let at = text.indexOf(secret); at !== -1 && at < places; at = text.indexOf(secret, at + 1)) {
            expected.push(`${i} at ${at}`);
          }
        });
        expect(found.sort()).toEqual(expected.sort());
      },
    ),
  );
});

test.each(["not there", "hex:00000000ff"])(
  "zeros are passed over, and nothing that lies between or begins with them (%s)",
  (other) => {
    const text = Buffer.from("between");
    const secrets = parseSecrets(Buffer.from(`between\n${other}`), "file");
    const searcher = createSearcher(secrets, 4096);
    for (let at = 0; at < 300; at++) {
      searcher.input.fill(0, 0, 600);
      searcher.input.set(text, at);
      const found: string[] = [];
      searcher.search(500, 600, (secret, place) => found.push(`${secret} at ${place}`));
      expect(found).toEqual([`0 at ${at}`]);
    }
    searcher.input.fill(0, 0, 600);
    searcher.input[317] = 0xff;
    let found = -1;
    searcher.search(500, 600, (_, at) => {
      found = at;
    });
    expect(found).toBe(other.startsWith("hex") ? 313 : -1);
  },
);

test("more places than are taken at once", () => {
  const searcher = createSearcher([{ bytes: Buffer.from("aaaa") }], 4096);
  searcher.input.fill("a".charCodeAt(0), 0, 20_000);
  let found = 0;
  searcher.search(20_000, 20_000, () => found++);
  expect(found).toBe(19_997);
});

test("secrets: a line each, as text or hexadecimal, without comments", () => {
  const read = (text: string) =>
    parseSecrets(Buffer.from(text), "file").map(({ line, bytes }) => [line, `${Buffer.from(bytes)}`]);
  expect(read("# no\n\nalpha\r\n beta \nhex: 67 61:6d 6D61\nalpha\nZürich")).toEqual([
    [3, "alpha"],
    [4, " beta "],
    [5, "gamma"],
    [7, "Zürich"],
  ]);
});

test.each([
  ["abc", "line 1 is a secret of 3 bytes; 4 to 4096 are allowed"],
  ["abcd\nhex:0102030", 'line 2: "hex:" must be followed'],
  ["hex:zz", 'line 1: "hex:" must be followed'],
  [`${"x".repeat(4097)}`, "line 1 is a secret of 4097 bytes"],
  ["hex:00000000", "line 1 is a secret of zeros"],
  ["# nothing\n", "has no secrets in it"],
  [Array.from({ length: 10_001 }, (_, i) => `secret ${i}`).join("\n"), "has more than 10000 secrets"],
])("bad secrets are refused with their line, and are not shown", (text, message) => {
  const error = failureOf(() => parseSecrets(Buffer.from(text), "file"));
  expect(error.code).toBe("BAD_OPTION");
  expect(error.message).toContain(message);
});
