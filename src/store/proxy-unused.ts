import { BlockList, isIP } from "node:net";

/**
 * The end of a cure where a server cannot be reached, and the environment names a proxy for its address, whose value may
 * contain a password.
 */
export function proxyUnused(address: string): string {
  const [name] = proxiesFor(address);
  return name === undefined
    ? ""
    : `; coresieve does not use ${name}: connect from a host that reaches the server directly`;
}

/** The variables that name other programs' proxy for an address, the one that counts first. */
function proxiesFor(address: string): readonly string[] {
  if (!URL.canParse(address)) return [];
  const { protocol, hostname, port } = new URL(address);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))) return [];
  const { no_proxy, NO_PROXY } = process.env;
  const direct = (no_proxy ?? NO_PROXY ?? "").toLowerCase().split(/[\s,]+/);
  if (direct.some((one) => covers(one, host, port || (protocol === "http:" ? "80" : "443")))) return [];
  const own = protocol === "http:" ? ["http_proxy", "HTTP_PROXY"] : ["https_proxy", "HTTPS_PROXY"];
  return [...own, "all_proxy", "ALL_PROXY"].filter((one) => process.env[one]);
}

/** Whether an entry of NO_PROXY covers a host: a name and those below it, an address, a network, or all ("*"). */
function covers(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const [, network = "", bits] = /^([\da-f.:]+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (bits !== undefined) return isIP(host) === isIP(network) && isInNetwork(host, network, Number(bits));
  const [, name = entry, only = port] = isIP(entry) === 6 ? [] : (/^(.*?):(\d+)$/.exec(entry) ?? []);
  const bare = name.replace(/^\*?\./, "").replace(/^\[(.*)\]$/, "$1");
  return bare !== "" && only === port && (host === bare || host.endsWith(`.${bare}`));
}

function isInNetwork(host: string, network: string, bits: number): boolean {
  const version = isIP(network);
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const family = version === 4 ? "ipv4" : "ipv6";
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}
