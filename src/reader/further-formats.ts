import type { Dump } from "./dump.js";
import type { FormatOptions, FurtherFormat, OpenFormat, Opening } from "./format.js";
import { openSave } from "./libvirt-save/open.js";
import { openLkcd } from "./lkcd/open.js";
import { openCloudHypervisor } from "./microvm/cloud-hypervisor.js";
import { openFirecracker } from "./microvm/firecracker.js";
import { openQcow2 } from "./qcow2/open.js";
import { openMigration } from "./qemu-migration/open.js";
import { openFiles, openRanges, openRaw } from "./raw/open.js";
import { openS390Dump } from "./s390-dump/open.js";
import { openSadump } from "./sadump/open.js";
import type { SourceImage } from "./source/source-image.js";
import { openVmwareGuest } from "./vmware/open-guest.js";
import { openVmwareState } from "./vmware/open-state.js";

/** Adapts the reader of a format that has one file. */
const ofOne =
  (open: (image: SourceImage, options: FormatOptions) => Dump | Opening): OpenFormat =>
  (images, options) =>
    open(images[0] as SourceImage, options);

/**
 * The readers of all formats except ELF and kdump files, and of bare memory. `openInput` loads them when an input needs
 * one of them.
 */
const FORMATS: Readonly<Record<FurtherFormat, OpenFormat>> = {
  ranges: ofOne(openRanges),
  s390: openS390Dump,
  lkcd: ofOne(openLkcd),
  sadump: openSadump,
  vmwareState: openVmwareState,
  vmwareGuest: openVmwareGuest,
  firecracker: openFirecracker,
  cloudHypervisor: openCloudHypervisor,
  migration: ofOne(openMigration),
  libvirtSave: ofOne(openSave),
  qcow2: ofOne(openQcow2),
};

export const FURTHER = { ...FORMATS, openFiles, openRaw };

export type FurtherReaders = typeof FURTHER;
