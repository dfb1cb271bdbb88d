import type { Secret } from "../audit/secrets.js";
import { PRIVACY_EXTRAS, PRIVACY_KEEPS } from "../filter/privacy/privacy-names.js";

import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import {
  aFileName,
  aFlag,
  aFunction,
  anObject,
  anyOf,
  aSignal,
  aText,
  eitherOf,
  hasMembers,
  listOf,
  maybe,
  type Shape,
  someBytes,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import { spoolOption } from "../reader/input-options.js";
import { aCodec } from "../run/check-values.js";
import { aWarnings } from "../warnings.js";
import { someWorkers } from "../worker/threads.js";
import type { HandOverFiles, HandOverOptions } from "./hand-over-types.js";

const FILE = { path: aFileName, force: maybe(aFlag), sync: maybe(aFlag) };
const STREAM = {
  stream: suchThat((value) => hasMembers(value, ["write", "on"]), "a writable stream of Node"),
  name: maybe(aText),
};
const FILES: Shape<HandOverFiles> = {
  manifest: maybe(aFileName),
  audit: maybe(aFileName),
  page: maybe(aFileName),
};
const SECRET: Shape<Secret> = { line: wholeNumber(1), bytes: someBytes };

/** Checks the options of `handOver`. */
export const HAND_OVER: Shape<HandOverOptions> = {
  ...COMPLETE_SHAPE,
  output: eitherOf((value) => hasMembers(value, ["stream"]), anObject(STREAM), anObject(FILE)),
  files: maybe(anObject(FILES)),
  recipients: maybe(listOf(aText)),
  sign: maybe(aFileName),
  secrets: maybe(listOf(anObject(SECRET))),
  erase: maybe(anObject({ name: aText, text: aText })),
  privacy: maybe(anyOf(true, "strict")),
  privacyKeep: maybe(listOf(anyOf(...PRIVACY_KEEPS))),
  privacyExtra: maybe(listOf(anyOf(...PRIVACY_EXTRAS))),
  format: maybe(anyOf("kdump", "elf")),
  codec: maybe(aCodec),
  dedupe: maybe(aFlag),
  spool: spoolOption,
  rules: maybe(aFlag),
  workers: someWorkers,
  warnings: aWarnings,
  signal: maybe(aSignal),
  onProgress: maybe(aFunction),
};
