import { resolve } from "node:path";
import { DumpError } from "../errors.js";
import { type InputIdentity, identityOf, objectIdentity } from "../shard/input-identity.js";
import type { DumpRequest } from "../shard/run-request.js";
import { shownUrl } from "../store/http-url.js";
import { isStorePath } from "../store/store-url.js";
import { isHttpOutput } from "../writer/part-urls.js";
import { eraseFile } from "./erase-option.js";
import { completeOptions, openOptions } from "./input-options.js";
import { filterRequest } from "./options/filter-request.js";
import type { OptionValues } from "./options/table.js";

type Values = OptionValues<"submit"> | OptionValues<"plan">;

/** What a run by many hosts is to make. Names are those that all of them see: absolute ones. Throws `BAD_OPTION`, `NOT_READABLE`. */
export async function dumpRequest(files: readonly string[], values: Values): Promise<DumpRequest> {
  const none = { dedupe: false, flatten: false, numThreads: undefined, sizeLimit: undefined, onFull: undefined };
  const request = filterRequest({ ...values, ...none, pack: undefined, files });
  if (request.output === undefined || request.pack !== undefined) {
    throw new DumpError("BAD_OPTION", `${files.at(-1)}: several hosts cannot write to a stream or a packed file`, {
      cure: "Name a plain file, and pack it when it is there",
    });
  }
  const { level, format, codec, privacy, privacyExtra } = request;
  if (request.fallbackLevels.length > 0) {
    throw new DumpError("BAD_OPTION", `-d ${values.level?.join(",")}: several levels are tried by one machine only`, {
      cure: "Name one level",
    });
  }
  // What is wrong with these is said here, and not by another host.
  openOptions(values);
  const { vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice } = await completeOptions(values);
  const erase = await eraseFile(values);
  const byHttp = [...request.inputs, request.output].find((path) => isHttpOutput(path));
  if (byHttp !== undefined) {
    throw new DumpError(
      "BAD_OPTION",
      "several hosts read and write files and objects of a store, and nothing by HTTP",
      {
        file: shownUrl(byHttp),
        cure: "Filter it with one machine, or name s3://BUCKET/KEY",
      },
    );
  }
  const inputs = request.inputs.map(placeNamed);
  const identity: InputIdentity[] = [];
  for (const path of inputs) identity.push(isStorePath(path) ? await objectIdentity(path) : identityOf(path));
  return {
    ...{ inputs, identity, level, format, privacy, privacyExtra },
    output: placeNamed(request.output),
    force: values.force,
    codec: { name: codec.name, level: codec.level },
    erase,
    strict: values.strict,
    salvage: values.salvage,
    raw: values.raw,
    arch: values.arch,
    vmcoreinfo,
    vmcoreinfoAt,
    vmcoreinfoDevice: vmcoreinfoDevice && Buffer.from(vmcoreinfoDevice).toString("hex"),
    vmlinux: values.vmlinux === undefined ? undefined : placeNamed(values.vmlinux),
  };
}

function placeNamed(path: string): string {
  return isStorePath(path) ? path : resolve(path);
}
