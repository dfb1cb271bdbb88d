import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { openStore } from "../store/open-store.js";
import { parseStorePath } from "../store/store-url.js";
import { ObjectUpload } from "../store/upload.js";
import { ofFile } from "../warnings.js";
import type { FileSinkOptions } from "./file-sink.js";
import type { Sink } from "./sink.js";

const UNLISTED =
  "unfinished uploads cannot be listed (s3:ListBucketMultipartUploads is not permitted, or the store does not know the request): an interrupted one is not continued, and one whose begin the store did not answer stays";

/**
 * An object of a store that appears when it is complete: a multipart upload without a local copy
 * (docs/object-stores.md). `ready` throws `OUTPUT_EXISTS` and the store's errors; writing throws `NOT_WRITABLE`,
 * `SIZE_LIMIT`, `NO_SPACE`.
 */
export function createObjectSink(path: string, { force, inputs, warnings }: FileSinkOptions): Sink {
  const at = parseStorePath(path);
  if (inputs.includes(path)) {
    throw new DumpError("OUTPUT_EXISTS", "is the input itself", {
      file: path,
      cure: "Name another object for the output",
    });
  }
  const store = openStore();
  const upload = new ObjectUpload(store, at, force);
  let left: string | undefined;
  const checked = check();
  // Callers that await it get the error.
  checked.catch(() => undefined);

  async function check(): Promise<void> {
    if (force || (await store.head(at)) === undefined) return;
    throw new DumpError("OUTPUT_EXISTS", "exists already", {
      file: path,
      cure: `Use ${OPTION.force} to overwrite it, or name another object`,
    });
  }

  return {
    name: path,
    ready: () => checked,
    atMost: (bytes) => upload.atMost(bytes),
    ascendingFrom: (offset) => upload.ascendingFrom(offset),
    upload: () => upload.counts,
    async write(bytes, offset) {
      await checked;
      await upload.write(bytes, offset);
    },
    async finish(size) {
      await checked;
      await upload.finish(size);
      if (upload.counts.unlisted === true) warnings?.remark("UPLOADS_UNLISTED", ofFile(path, UNLISTED));
      await store.close();
      return undefined;
    },
    async abort() {
      left = await upload.abort();
      await store.close();
    },
    leftBehind: () => left,
  };
}
