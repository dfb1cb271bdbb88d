/** s3://bucket/key as people write it. */
import { expect, test } from "vitest";
import { isStorePath, parseStorePath, storePath } from "../../src/store/store-url.js";

test("bucket and key are taken as they stand", () => {
  for (const path of ["s3://dumps/vmcore", "s3://my.bucket-1/a/b c/%20/ü", "s3://abc//x"]) {
    expect(isStorePath(path)).toBe(true);
    expect(storePath(parseStorePath(path))).toBe(path);
  }
  expect(parseStorePath("s3://dumps/a/b")).toEqual({ bucket: "dumps", key: "a/b" });
  expect(isStorePath("./s3://x")).toBe(false);
});

test("a bucket alone, a folder or no bucket is no object", () => {
  for (const path of [
    "s3://dumps",
    "s3://dumps/",
    "s3://dumps/folder/",
    "s3:///key",
    "s3://",
    `s3://dumps/${"k".repeat(1025)}`,
  ]) {
    expect(() => parseStorePath(path), path).toThrow(expect.objectContaining({ code: "BAD_OPTION", file: path }));
  }
  expect(parseStorePath("s3://dumps", true)).toEqual({ bucket: "dumps", key: "" });
});
