import { FATE_COUNT, type Payload } from "../payload.js";

/** Fills: colours and patterns by group and fate. They are made again when the page's colours change. */
export interface FillStyles {
  readonly background: string;
  readonly ink: string;
  readonly faint: string;
  readonly accent: string;
  /** The fill of a slot: 4 times the group, plus the fate. */
  fill(slot: number): CanvasPattern | string;
}

/** Side length of a pattern's tile in CSS pixels. */
const TILE = 8;

/**
 * Each group has a pattern in addition to its colour. Lines are given in fractions of the tile, and continue in the
 * next tile.
 */
const PATTERNS: Readonly<Record<string, (draw: Tile) => void>> = {
  reserved: (draw) => draw.dots([2, 2], [6, 6]),
  slab: (draw) => draw.lines([0, 8, 8, 0], [-1, 1, 1, -1], [7, 9, 9, 7]),
  tables: (draw) => draw.lines([0, 2, 8, 2], [0, 6, 8, 6]),
  kernel: (draw) => draw.lines([0, 0, 8, 8], [-1, 7, 1, 9], [7, -1, 9, 1]),
  cache: (draw) => draw.lines([2, 0, 2, 8], [6, 0, 6, 8]),
  user: () => {},
  free: (draw) => draw.dots([4, 4]),
  lost: (draw) => draw.lines([0, 0, 8, 8], [0, 8, 8, 0]),
  unknown: (draw) => draw.lines([4, 0, 4, 8], [0, 4, 8, 4]),
};

interface Tile {
  lines(...lines: readonly (readonly [number, number, number, number])[]): void;
  dots(...dots: readonly (readonly [number, number])[]): void;
}

/** Reads the page's colours. `byFate` colours pages by their fate; `hidden` groups are drawn in grey. */
export function fillStyles(
  canvas: HTMLCanvasElement,
  payload: Payload,
  hidden: ReadonlySet<number>,
  byFate: boolean,
): FillStyles {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const scale = globalThis.devicePixelRatio || 1;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const background = colour("map");
  const fills: (CanvasPattern | string)[] = [];
  const ink = colour("pattern");
  for (const [group, { id }] of payload.groups.entries()) {
    for (let fate = 0; fate < FATE_COUNT; fate++) {
      const tint = hidden.has(group)
        ? { base: colour("hidden"), strength: 1, draw: plain, ink, line: 0 }
        : byFate
          ? { base: colour(`fate-${fate}`), strength: 1, draw: FATE_PATTERNS[fate] ?? plain, ink, line: 0.5 }
          : kindTint(colour(`k-${id}`), ink, fate, PATTERNS[id] ?? plain);
      fills.push(pattern(context, scale, background, tint));
    }
  }
  return {
    background,
    ink: colour("ink"),
    faint: colour("faint"),
    accent: colour("accent"),
    fill: (slot) => fills[slot] ?? background,
  };
}

/** How to draw a tile: a colour of some strength over the background, and lines of some strength. */
interface Tint {
  readonly base: string;
  readonly strength: number;
  readonly draw: (tile: Tile) => void;
  readonly ink: string;
  readonly line: number;
}

/**
 * Full colour for kept pages, fainter for zeros, pale with lines of the same colour for dropped ones, stripes for
 * absent ones.
 */
function kindTint(base: string, ink: string, fate: number, draw: (tile: Tile) => void): Tint {
  if (fate === 1) return { base, strength: 1, draw, ink, line: 0.55 };
  if (fate === 2) return { base, strength: 0.6, draw, ink, line: 0.4 };
  if (fate === 3) return { base, strength: 0.3, draw, ink: base, line: 0.6 };
  return { base, strength: 0.1, draw: stripes, ink: base, line: 0.5 };
}

function plain(): void {}

function stripes(draw: Tile): void {
  draw.lines([0, 8, 8, 0], [-1, 1, 1, -1], [7, 9, 9, 7]);
}

/** Patterns by fate: stripes, plain, dots, and lines in the other direction. */
const FATE_PATTERNS: readonly ((draw: Tile) => void)[] = [
  stripes,
  plain,
  (draw) => draw.dots([2, 2], [6, 6]),
  (draw) => draw.lines([0, 0, 8, 8], [-1, 7, 1, 9], [7, -1, 9, 1]),
];

function pattern(
  target: CanvasRenderingContext2D,
  scale: number,
  background: string,
  { base, strength, draw, ink, line }: Tint,
): CanvasPattern | string {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(TILE * scale);
  canvas.height = canvas.width;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const tileScale = canvas.width / TILE;
  context.scale(tileScale, tileScale);
  context.fillStyle = background;
  context.fillRect(0, 0, TILE, TILE);
  context.globalAlpha = strength;
  context.fillStyle = base;
  context.fillRect(0, 0, TILE, TILE);
  context.strokeStyle = ink;
  context.fillStyle = ink;
  context.lineWidth = 1;
  context.globalAlpha = line;
  draw({
    lines(...lines) {
      for (const [x1, y1, x2, y2] of lines) {
        context.beginPath();
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
        context.stroke();
      }
    },
    dots(...dots) {
      for (const [x, y] of dots) context.fillRect(x - 0.8, y - 0.8, 1.6, 1.6);
    },
  });
  const made = target.createPattern(canvas, "repeat");
  made?.setTransform(new DOMMatrix().scale(1 / tileScale));
  return made ?? base;
}

/** Paints the swatches of the legend like the map; those for a kind keep its colour. */
export function paintSwatches(swatches: Iterable<HTMLCanvasElement>, payload: Payload, byFate: boolean): void {
  for (const canvas of swatches) {
    const group = Number(canvas.dataset.group);
    const fate = Number(canvas.dataset.fate ?? 1);
    const scale = globalThis.devicePixelRatio || 1;
    const width = 28;
    const height = 16;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.scale(scale, scale);
    const isFate = canvas.dataset.fate !== undefined;
    context.fillStyle = fillStyles(canvas, payload, new Set(), byFate && isFate).fill(group * FATE_COUNT + fate);
    context.fillRect(0, 0, width, height);
  }
}
