import { formatBytes } from "../../../byte-size.js";
import { FATE_COUNT, type Payload } from "../payload.js";
import { type CellCounter, gapAt, type Rows, rowStart } from "../rows.js";
import { address } from "../words.js";
import type { FillStyles } from "./styles.js";

/** Heights of rows in CSS pixels; if there are few rows they share the room. A part of each row is left empty. */
const LEAST_ROW = 18;
const MOST_ROW = 30;
const BETWEEN = 3;
/** Least width of a column of several pages. */
const MIN_COLUMN = 2;

/** The places of things on the canvas, in CSS pixels. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  /** The left and right edges of the rows. */
  readonly left: number;
  readonly right: number;
  readonly rows: Rows;
  /** Columns per row (a power of 2), and pages per column. */
  readonly columns: number;
  readonly perColumn: number;
  /** Vertical scroll position. */
  readonly top: number;
  /** Height of a row, and of its filled part. */
  readonly row: number;
  readonly filled: number;
}

/** The height of each row for this number of rows. */
export function rowHeight(height: number, rows: number): number {
  return Math.max(LEAST_ROW, Math.min(MOST_ROW, Math.floor(height / Math.max(1, rows))));
}

/** Width of one character of a label, in pixels. */
const CHARACTER = 6.7;

/** Lays out the canvas for the rows. A column has at least one cell. */
export function frameOf(
  width: number,
  height: number,
  rows: Rows,
  { segments, unit, pageSize, places }: Payload,
  top: number,
): Frame {
  const narrow = width < 640;
  const [start = 0, cells = 0] = segments.at(-1) ?? [];
  const left = Math.ceil(address(start + cells * unit, pageSize).length * CHARACTER) + (narrow ? 12 : 32);
  const right = width - (places.length === 0 ? 8 : narrow ? 58 : 118);
  let columns = 64;
  while (columns * 2 * MIN_COLUMN <= right - left && columns * 2 * unit <= rows.span) columns *= 2;
  const row = rowHeight(height, rows.total);
  return { width, height, left, right, rows, columns, perColumn: rows.span / columns, top, row, filled: row - BETWEEN };
}

/** The left edge of a column, at a whole pixel. */
export function columnEdge({ left, right, columns }: Frame, column: number): number {
  return left + Math.round((column * (right - left)) / columns);
}

/** What to paint. */
export interface Picture {
  readonly payload: Payload;
  /** Counts slots. A slot is 4 times the group, plus the fate. */
  readonly counter: CellCounter;
  readonly styles: FillStyles;
  /** First page of the column with the cursor. */
  readonly cursor: number | undefined;
}

/** From the bottom of a column: kept pages, zeros, dropped pages, absent pages. */
const FATE_ORDER = [1, 2, 3, 0];

/** Paints the visible rows. Counts their cells: 5 ms for 4 million. */
export function paint(context: CanvasRenderingContext2D, frame: Frame, picture: Picture): void {
  const { width, height, top, rows, row, filled } = frame;
  const { styles } = picture;
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  context.font = "11px ui-monospace, monospace";
  const first = Math.floor(top / row);
  const last = Math.min(rows.total - 1, Math.floor((top + height) / row));
  const boxes = new Map<number, number[]>();
  for (let at = first; at <= last; at++) {
    const y = at * row - top;
    const start = rowStart(rows, at);
    if (start === undefined) paintGap(context, frame, styles, gapAt(rows, at) ?? 0, y, picture.payload.pageSize);
    else {
      context.fillStyle = styles.faint;
      context.textAlign = "right";
      context.fillText(address(start, picture.payload.pageSize), frame.left - 8, y + filled / 2);
      addRow(boxes, frame, picture, start, y);
    }
  }
  for (const [slot, list] of boxes) {
    context.fillStyle = styles.fill(slot);
    for (let i = 0; i < list.length; i += 4) {
      context.fillRect(list[i] as number, list[i + 1] as number, list[i + 2] as number, list[i + 3] as number);
    }
  }
  paintPlaces(context, frame, picture, first, last);
  paintCursor(context, frame, picture);
}

/** Boxes of one row, by slot; neighbours with the same slot are joined. */
function addRow(boxes: Map<number, number[]>, frame: Frame, picture: Picture, start: number, y: number): void {
  const { columns, perColumn, filled } = frame;
  const { payload, counter } = picture;
  const slots = payload.groups.length * FATE_COUNT;
  const counts = new Uint32Array(slots);
  const capacity = Math.max(1, perColumn / payload.unit);
  const apart = columnEdge(frame, 1) - columnEdge(frame, 0) >= 7 && perColumn === payload.unit ? 1 : 0;
  let run = -1;
  let runFrom = 0;
  const push = (slot: number, x: number, top: number, w: number, h: number) => {
    const list = boxes.get(slot);
    if (list === undefined) boxes.set(slot, [x, top, w, h]);
    else list.push(x, top, w, h);
  };
  const endRun = (x: number) => {
    if (run >= 0) push(run, runFrom, y, x - runFrom - apart, filled);
    run = -1;
  };
  for (let column = 0; column < columns; column++) {
    const from = start + column * perColumn;
    counts.fill(0);
    const found = counter.count(from, from + perColumn, counts);
    const x = columnEdge(frame, column);
    if (found === 0) {
      endRun(x);
      continue;
    }
    const only = found >= capacity ? counts.indexOf(found) : -1;
    if (only >= 0) {
      if (only !== run || apart > 0) endRun(x);
      if (run < 0) runFrom = x;
      run = only;
      continue;
    }
    endRun(x);
    const w = columnEdge(frame, column + 1) - x - apart;
    let below = y + filled;
    let done = 0;
    for (const fate of FATE_ORDER) {
      for (let slot = fate; slot < slots; slot += FATE_COUNT) {
        const cells = counts[slot] as number;
        if (cells === 0) continue;
        done += cells;
        const edge = y + filled - (filled * done) / Math.max(capacity, found);
        push(slot, x, edge, w, below - edge);
        below = edge;
      }
    }
  }
  endRun(columnEdge(frame, columns));
}

function paintGap(
  context: CanvasRenderingContext2D,
  { left, right, row }: Frame,
  { faint }: FillStyles,
  pages: number,
  y: number,
  pageSize: number,
): void {
  const text = `${formatBytes(pages * pageSize)} without memory`;
  context.fillStyle = faint;
  context.textAlign = "center";
  const middle = (left + right) / 2;
  const half = context.measureText(text).width / 2 + 10;
  context.fillText(text, middle, y + row / 2);
  context.strokeStyle = faint;
  context.lineWidth = 1;
  context.setLineDash([2, 4]);
  context.beginPath();
  context.moveTo(left, y + row / 2);
  context.lineTo(middle - half, y + row / 2);
  context.moveTo(middle + half, y + row / 2);
  context.lineTo(right, y + row / 2);
  context.stroke();
  context.setLineDash([]);
}

/** Nodes and zones: a bracket to the right of the rows, and a line where one begins within a row. */
function paintPlaces(
  context: CanvasRenderingContext2D,
  frame: Frame,
  { payload, styles }: Picture,
  first: number,
  last: number,
): void {
  const { rows, right, width, top, row, filled } = frame;
  const narrow = width < 640;
  let previous = "";
  for (let at = first; at <= last; at++) {
    const start = rowStart(rows, at);
    if (start === undefined) continue;
    const y = at * row - top;
    const end = start + rows.span;
    const inside = payload.places.filter((place) => place.start < end && place.end > start);
    for (const place of inside) {
      // At the start of a row the bracket is enough.
      if (place.start - start < rows.span / 128) continue;
      const x = Math.round(frame.left + ((place.start - start) / rows.span) * (right - frame.left));
      context.fillStyle = styles.ink;
      context.fillRect(x - 1, y - 2, 2, filled + 4);
    }
    const names = (type: "node" | "zone") => [
      ...new Set(inside.filter((place) => place.type === type).map(({ name }) => name)),
    ];
    const [nodes, zones] = [names("node"), names("zone")];
    context.fillStyle = styles.faint;
    if (nodes.length > 0) context.fillRect(right + 4, y, 2, row);
    if (zones.length > 0) context.fillRect(right + 8, y, 2, row);
    const parts = narrow ? zones : [...nodes.map((name) => name.replace("node ", "N")), ...zones];
    const text = parts.join(" ");
    if (text !== previous && text !== "") {
      context.fillStyle = styles.ink;
      context.textAlign = "left";
      context.fillText(text, right + 14, y + filled / 2, width - right - 16);
      context.fillRect(right + 4, y - 1, 8, 1);
    }
    previous = text;
  }
}

function paintCursor(context: CanvasRenderingContext2D, frame: Frame, { cursor, styles }: Picture): void {
  if (cursor === undefined) return;
  const { rows, perColumn, top, height, filled } = frame;
  const number = Math.floor(cursor / rows.span);
  const band = rows.bands.find(({ first, count }) => first <= number && number < first + count);
  if (band === undefined) return;
  const y = (band.at + number - band.first) * frame.row - top;
  if (y < -frame.row || y > height) return;
  const column = Math.floor((cursor - number * rows.span) / perColumn);
  const x = columnEdge(frame, column);
  const w = Math.max(4, columnEdge(frame, column + 1) - x);
  context.lineWidth = 4;
  context.strokeStyle = styles.background;
  context.strokeRect(x - 2, y - 2, w + 4, filled + 4);
  context.lineWidth = 2;
  context.strokeStyle = styles.accent;
  context.strokeRect(x - 2, y - 2, w + 4, filled + 4);
}
