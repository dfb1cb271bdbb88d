/** libvirt's save files: a header of 92 bytes, the domain's XML, then QEMU's stream as it is or packed. */
import { ByteBuffer } from "./bytes.js";

export interface SaveOptions {
  readonly magic?: string;
  readonly version?: number;
  readonly format?: number;
  readonly order?: "little" | "big";
  /** Bytes of XML and the room behind it. */
  readonly xmlSize?: number;
  readonly xml?: string;
  /** Bytes that there really are of it. */
  readonly room?: number;
}

const XML = "<domain type='kvm'><name>guest</name></domain>\0";

export function buildSave(
  body: Uint8Array,
  {
    magic = "LibvirtQemudSave",
    version = 2,
    format = 0,
    order = "little",
    room = 70_000,
    xmlSize = room,
    xml = XML,
  }: SaveOptions = {},
): Buffer {
  const head = new ByteBuffer(order).text(magic, 16).u32(version).u32(xmlSize).u32(1).u32(format).u32(0).skip(56);
  return Buffer.concat([head.text(xml, room).toBytes(), body]);
}
