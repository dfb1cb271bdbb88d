import type { Refinement } from "./refine.js";

/** One pattern of a class; some have an additional check. */
export interface ClassPattern {
  readonly source: string;
  readonly ignoreCase?: boolean;
  readonly refinement?: Refinement;
}

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|\\d\\d?)";

/** The classes of `class NAME` that are recognised only by their form. */
export const TEXT_CLASSES: Readonly<Record<string, readonly ClassPattern[]>> = {
  /** 13 to 19 digits, or groups of them as on cards. */
  card: [
    { source: "\\b\\d{13,19}\\b", refinement: "card" },
    { source: "\\b\\d{4}(?:[ -]\\d{4}){3}(?:[ -]?\\d{1,3})?\\b", refinement: "card" },
    { source: "\\b\\d{4}[ -]\\d{6}[ -]\\d{4,5}\\b", refinement: "card" },
  ],
  "private-key": [
    { source: "-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----", refinement: "private key" },
    { source: "-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----", refinement: "end of a private key" },
  ],
  jwt: [{ source: "\\beyJ[\\w-]+\\.[\\w-]*(?:\\.[\\w-]*)*", refinement: "token" }],
  "e-mail": [
    {
      source: "[a-z0-9._%+-]+@[a-z0-9][a-z0-9.-]*\\.[a-z][a-z]+\\b",
      ignoreCase: true,
      refinement: "e-mail",
    },
  ],
  /** Identifiers of access keys, and secrets behind their name. */
  "aws-key": [
    { source: "\\bA[KS]IA[A-Z2-7]{16}\\b" },
    {
      source: "(?:aws_?)?secret_?(?:access_?)?key[\"']?\\s*[:=]\\s*[\"']?[a-z0-9/+]+",
      ignoreCase: true,
      refinement: "secret",
    },
  ],
  ipv4: [{ source: `\\b${OCTET}(?:\\.${OCTET}){3}\\b`, refinement: "ipv4" }],
  ipv6: [{ source: "\\b[0-9a-f]{1,4}:(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{1,4}\\b", ignoreCase: true, refinement: "ipv6" }],
};

/** In addition: the machine's addresses in the kernel's own lists. */
export const MACHINE_ADDRESS = "machine-address";

export const CLASS_NAMES: readonly string[] = [...Object.keys(TEXT_CLASSES), MACHINE_ADDRESS];
