import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import { formatCount } from "../../readable-count.js";
import { openStore } from "../../store/open-store.js";
import { parseStorePath, storePath } from "../../store/store-url.js";
import { defineCommand } from "../command.js";
import { printJson, printLines } from "../print.js";

/** `coresieve uploads s3://BUCKET/PREFIX`: lists uploads that were never finished, and removes them. */
export const uploadsCommand = defineCommand({
  name: "uploads",
  about: {
    usage: "coresieve uploads s3://BUCKET[/PREFIX] [options]: unfinished uploads",
    text: `Lists uploads to an object store that were neither completed nor aborted, of
objects whose names begin with PREFIX: their parts take room and cost money. A
run with the same output goes on with one by itself (docs/object-stores.md).`,
    examples: `Examples
  coresieve uploads s3://dumps
  coresieve uploads --abort s3://dumps/host7/vmcore.kdump`,
  },
  async run(files, { abort, json }) {
    const [path, ...more] = files;
    if (path === undefined || more.length > 0) {
      throw new DumpError("BAD_OPTION", "one place in an object store must be named", {
        cure: "Write `coresieve uploads s3://BUCKET/PREFIX`",
      });
    }
    // With --abort the key must match exactly: another run's upload may have a name that only begins with it.
    const at = parseStorePath(path, !abort);
    const store = openStore();
    try {
      const found = (await store.listUploads(at)).filter(({ key }) => !abort || key === at.key);
      const rows = [];
      for (const upload of found) {
        const parts = (await store.listParts(upload, upload.uploadId)) ?? [];
        if (abort) await store.abortUpload(upload, upload.uploadId);
        rows.push({
          path: storePath(upload),
          uploadId: upload.uploadId,
          initiated: upload.initiated === undefined ? null : new Date(upload.initiated).toISOString(),
          parts: parts.length,
          bytes: parts.reduce((sum, { size }) => sum + size, 0),
          aborted: abort,
        });
      }
      if (json) printJson(rows, 2);
      else if (rows.length === 0) printLines(["No unfinished uploads"]);
      else {
        for (const { path: name, initiated, parts, bytes } of rows) {
          const since = initiated === null ? "" : `, begun ${initiated}`;
          printLines([
            `${name}: ${formatCount(parts)} parts, ${formatBytes(bytes)}${since}${abort ? ", aborted" : ""}`,
          ]);
        }
      }
    } finally {
      await store.close();
    }
  },
});
