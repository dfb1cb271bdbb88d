/** The text of VMCOREINFO: exactly the items which a kernel of that release and configuration exports. */

import type { ArchInfo, KernelArch } from "./arch.js";
import type { MemMap, MemoryModel } from "./memory-model.js";
import { buddyExported, hwpoisonExported } from "./page-kinds.js";
import { since } from "./release.js";
import { IMAGE, type KernelSpace, VARIABLE } from "./space.js";
import { COMPOUND_DTOR, FLAGS1_HUGETLB_BIT, type KernelFeatures, MAX_ORDER_COUNT, MIGRATE_TYPES } from "./versions.js";
import { FREE_AREA, NODE, nodeOffset, ZONE } from "./zones.js";

export interface TextFacts {
  readonly arch: KernelArch;
  readonly space: KernelSpace;
  readonly features: KernelFeatures;
  readonly model: MemoryModel;
  readonly map: MemMap;
  readonly structSize: number;
  readonly numa: boolean;
  /** The kernel log's part. */
  readonly logLines: readonly string[];
  readonly crashTime: number | undefined;
}

/** The lines, without their newlines. */
export function vmcoreinfoLines(facts: TextFacts): string[] {
  const { space, features, arch } = facts;
  const { release } = features;
  const image = (offset: number): string => space.imageAddress(offset).toString(16);
  const variable = (offset: number): string => image(IMAGE.variables + offset);
  const lines = [`OSRELEASE=${release.text}`];
  if (since(release, "5.9")) {
    lines.push("BUILD-ID=a6c4219b6db8f872aaf5a59315e69f7f5e36ecd1");
  }
  lines.push(`PAGESIZE=${arch.pageSize}`, `SYMBOL(init_uts_ns)=${image(IMAGE.initUtsNs)}`);
  if (since(release, "5.11")) {
    lines.push(`OFFSET(uts_namespace.name)=${features.utsnameOffset}`);
  }
  lines.push(`SYMBOL(node_online_map)=${variable(VARIABLE.nodeOnlineMap)}`);
  lines.push(`SYMBOL(swapper_pg_dir)=${image(IMAGE.rootTable)}`, `SYMBOL(_stext)=${image(IMAGE.text)}`);
  if (since(release, "6.9")) {
    lines.push("NUMBER(VMALLOC_START)=0xffffc90000000000");
  } else {
    lines.push(`SYMBOL(${since(release, "3.10") ? "vmap_area_list" : "vmlist"})=${variable(VARIABLE.vmapAreaList)}`);
  }
  if (!facts.numa) {
    lines.push(`SYMBOL(mem_map)=${variable(VARIABLE.memMap)}`, `SYMBOL(contig_page_data)=${image(nodeOffset(0))}`);
  }
  lines.push(
    ...sectionLines(facts),
    ...sizeLines(facts),
    ...pageLines(facts),
    ...zoneLines(facts),
    ...numberLines(facts),
  );
  const info: ArchInfo = {
    release,
    numa: facts.numa,
    memoryStart: space.memoryStart,
    textMap: space.layout.textMap,
    physBase: space.options.physBase,
    kernelOffset: space.options.kernelOffset,
    pageTableLevels: space.options.pageTableLevels,
    smeMask: space.options.smeMask,
    symbols: {
      rootTable: space.imageAddress(IMAGE.rootTable),
      physBase: space.imageAddress(IMAGE.variables + VARIABLE.physBase),
      nodeData: space.imageAddress(IMAGE.nodeDataArray),
    },
  };
  lines.push(...arch.vmcoreinfo(info));
  if (facts.crashTime !== undefined) {
    lines.push(`CRASHTIME=${facts.crashTime}`);
  }
  return lines;
}

function sectionLines(facts: TextFacts): string[] {
  const { sections } = facts.map;
  const { release } = facts.features;
  if (sections === undefined) {
    return [];
  }
  const lines: string[] = [];
  if (facts.model === "sparse-vmemmap" && since(release, "6.12")) {
    lines.push(`SYMBOL(vmemmap)=${facts.space.layout.vmemmap.toString(16)}`);
  }
  lines.push(
    `SYMBOL(mem_section)=${sections.address.toString(16)}`,
    `LENGTH(mem_section)=${sections.length}`,
    `SIZE(mem_section)=${sections.size}`,
    "OFFSET(mem_section.section_mem_map)=0",
  );
  if (since(release, "5.13")) {
    lines.push(`NUMBER(SECTION_SIZE_BITS)=${facts.arch.sectionSizeBits(release)}`);
  }
  if (since(release, "5.8")) {
    lines.push(`NUMBER(MAX_PHYSMEM_BITS)=${facts.arch.maxPhysmemBits(release, facts.space.options)}`);
  }
  return lines;
}

function sizeLines(facts: TextFacts): string[] {
  return [
    `SIZE(page)=${facts.structSize}`,
    `SIZE(pglist_data)=${NODE.size}`,
    `SIZE(zone)=${ZONE.size}`,
    `SIZE(free_area)=${FREE_AREA.size}`,
    "SIZE(list_head)=16",
    `SIZE(nodemask_t)=${facts.numa ? 128 : 8}`,
  ];
}

function pageLines(facts: TextFacts): string[] {
  const { features, structSize } = facts;
  const { layout, release } = features;
  const inLru = layout.lru + 8;
  const lines = [
    `OFFSET(page.flags)=${layout.flags}`,
    `OFFSET(page.${since(release, "4.6") ? "_refcount" : "_count"})=${layout.refcount}`,
    `OFFSET(page.mapping)=${layout.mapping}`,
    `OFFSET(page.lru)=${layout.lru}`,
  ];
  if (buddyExported(features)) {
    lines.push(`OFFSET(page._mapcount)=${layout.mapcount}`, `OFFSET(page.private)=${layout.private}`);
  }
  if (features.compound === "folio") {
    lines.push(
      `OFFSET(folio._folio_dtor)=${structSize + inLru}`,
      `OFFSET(folio._folio_order)=${structSize + inLru + 1}`,
    );
  } else if (features.compound === "u16" || features.compound === "u8") {
    lines.push(`OFFSET(page.compound_dtor)=${inLru}`);
    lines.push(`OFFSET(page.compound_order)=${inLru + (features.compound === "u16" ? 2 : 1)}`);
  }
  if (features.headLink !== undefined) {
    lines.push(`OFFSET(page.${features.headLink})=${layout.lru}`);
  }
  return lines;
}

function zoneLines(facts: TextFacts): string[] {
  const { release } = facts.features;
  const lines = [`OFFSET(pglist_data.node_zones)=${NODE.zones}`, `OFFSET(pglist_data.nr_zones)=${NODE.nrZones}`];
  if (facts.map.sections === undefined) {
    lines.push(`OFFSET(pglist_data.node_mem_map)=${NODE.memMap}`);
  }
  lines.push(
    `OFFSET(pglist_data.node_start_pfn)=${NODE.startPfn}`,
    `OFFSET(pglist_data.node_spanned_pages)=${NODE.spannedPages}`,
    `OFFSET(pglist_data.node_id)=${NODE.nodeId}`,
    `OFFSET(zone.free_area)=${ZONE.freeArea}`,
    `OFFSET(zone.vm_stat)=${ZONE.vmStat}`,
    `OFFSET(zone.spanned_pages)=${ZONE.spannedPages}`,
    `OFFSET(free_area.free_list)=${FREE_AREA.freeList}`,
    "OFFSET(list_head.next)=0",
    "OFFSET(list_head.prev)=8",
  );
  if (!since(release, "6.9")) {
    lines.push(
      ...(since(release, "3.10")
        ? ["OFFSET(vmap_area.va_start)=0", "OFFSET(vmap_area.list)=40"]
        : ["OFFSET(vm_struct.addr)=8"]),
    );
  }
  lines.push(`LENGTH(zone.free_area)=${MAX_ORDER_COUNT}`, ...facts.logLines);
  lines.push(`LENGTH(free_area.free_list)=${MIGRATE_TYPES}`);
  return lines;
}

function numberLines(facts: TextFacts): string[] {
  const { features, space } = facts;
  const { bits, types, release } = features;
  const lines = [
    "NUMBER(NR_FREE_PAGES)=0",
    `NUMBER(PG_lru)=${bits.lru}`,
    `NUMBER(PG_private)=${bits.private}`,
    `NUMBER(PG_swapcache)=${bits.swapcache}`,
  ];
  const value = (name: string, number: number | undefined, exported = true): void => {
    if (exported && number !== undefined) {
      lines.push(`NUMBER(${name})=${number}`);
    }
  };
  const buddy = buddyExported(features);
  value("PG_swapbacked", bits.swapbacked, since(release, "4.18"));
  value("PG_slab", bits.slab, buddy);
  value("PAGE_SLAB_MAPCOUNT_VALUE", types.slab);
  value("PG_hwpoison", bits.hwpoison, hwpoisonExported(features));
  value("PG_head_mask", 2 ** bits.head, since(release, "3.16"));
  value("PAGE_BUDDY_MAPCOUNT_VALUE", types.buddy, buddy);
  if (features.hugetlb === "dtor-symbol") {
    lines.push(`SYMBOL(free_huge_page)=${space.imageAddress(VARIABLE.freeHugePage).toString(16)}`);
  }
  value("HUGETLB_PAGE_DTOR", COMPOUND_DTOR.hugetlb, features.hugetlb === "dtor-id");
  value("PG_hugetlb", FLAGS1_HUGETLB_BIT, features.hugetlb === "flags1-bit");
  value("PAGE_HUGETLB_MAPCOUNT_VALUE", types.hugetlb);
  value("PAGE_OFFLINE_MAPCOUNT_VALUE", types.offline);
  value("PAGE_UNACCEPTED_MAPCOUNT_VALUE", types.unaccepted, since(release, "6.16"));
  return lines;
}
