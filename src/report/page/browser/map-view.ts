import { formatBytes } from "../../../byte-size.js";
import { FATE_COUNT, HOLE, type Payload } from "../payload.js";
import { cellCounter, layRows, type Rows, rowPlaceOf, rowStart, wholeSpan } from "../rows.js";
import { address, count, partText, placesText, shareOfStates } from "../words.js";
import { type Frame, frameOf, paint, rowHeight } from "./paint.js";
import { fillStyles } from "./styles.js";

/** Pages per row at the closest zoom. */
const CLOSEST = 64;
/** The most parts that the tooltip names. */
const MOST_PARTS = 6;

/** The elements of the map. */
export interface MapElements {
  readonly scroller: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly spacer: HTMLElement;
  readonly tip: HTMLElement;
  /** Read out by screen readers: the cursor's place. */
  readonly live: HTMLElement;
  /** Explains a row and a column. */
  readonly scale: HTMLElement;
}

/** The picture of memory: the visible part, the cursor, and the text about it. */
export class MapView {
  readonly #payload: Payload;
  readonly #elements: MapElements;
  readonly #context: CanvasRenderingContext2D;
  readonly #states;
  readonly #slots;
  readonly #hidden = new Set<number>();
  #byFate = false;
  #span = 0;
  #rows: Rows = { span: 1, bands: [], total: 0 };
  #cursor: number | undefined;
  #styles;
  #asked = false;

  constructor(payload: Payload, cells: Uint8Array, elements: MapElements) {
    this.#payload = payload;
    this.#elements = elements;
    this.#context = elements.canvas.getContext("2d") as CanvasRenderingContext2D;
    this.#states = cellCounter(payload, cells);
    const slots = cells.map((state) =>
      state === HOLE
        ? HOLE
        : (payload.groupOf[Math.floor(state / FATE_COUNT)] ?? 0) * FATE_COUNT + (state % FATE_COUNT),
    );
    this.#slots = cellCounter(payload, slots);
    this.#styles = fillStyles(elements.canvas, payload, this.#hidden, this.#byFate);
    this.#resize();
    this.whole();
    new ResizeObserver(() => this.#resize()).observe(elements.scroller);
    elements.scroller.addEventListener("scroll", () => this.#draw());
  }

  /** Number of visible rows. */
  get rowsInSight(): number {
    return Math.max(1, Math.floor(this.#elements.scroller.clientHeight / this.#rowHeight()) - 1);
  }

  /** Shows everything. */
  whole(): void {
    this.#setSpan(this.#wholeSpan(), undefined, 0);
  }

  /** Zooms one step in (-1) or out (1). The page at `clientY`, or the cursor, stays in place. */
  zoom(step: -1 | 1, clientY?: number): void {
    const frame = this.#frame();
    const box = this.#elements.canvas.getBoundingClientRect();
    const middle = this.#cursorY() ?? frame.height / 2;
    const y = clientY === undefined ? middle : clientY - box.top;
    const anchor = clientY === undefined ? (this.#cursor ?? this.#pageAt(0, y)) : this.#pageAt(0.5, y);
    this.#setSpan(step < 0 ? this.#span / 2 : this.#span * 2, anchor, y);
  }

  /** Like `zoom`, at a point of the screen. */
  zoomAt(step: -1 | 1, clientX: number, clientY: number): void {
    const box = this.#elements.canvas.getBoundingClientRect();
    const anchor = this.#hit(clientX, clientY);
    this.#setSpan(step < 0 ? this.#span / 2 : this.#span * 2, anchor, clientY - box.top);
  }

  /** Scrolls by pixels. */
  pan(pixels: number): void {
    this.#elements.scroller.scrollTop += pixels;
  }

  /** Moves the cursor by columns and rows, also over gaps, and scrolls to it. */
  move(columns: number, rows: number): void {
    const { perColumn, rows: all } = this.#frame();
    const from = this.#cursor ?? this.#pageAt(0, 1) ?? 0;
    let pfn = from + columns * perColumn;
    if (rows !== 0) {
      let place = rowPlaceOf(all, from);
      const step = Math.sign(rows);
      for (let left = Math.abs(rows); left > 0; left--) {
        const next = place + step;
        const over = rowStart(all, next) === undefined ? next + step : next;
        if (over < 0 || over >= all.total || rowStart(all, over) === undefined) break;
        place = over;
      }
      pfn = (rowStart(all, place) ?? 0) + (from % all.span);
    } else if (columns !== 0) {
      const place = rowPlaceOf(all, pfn);
      const start = rowStart(all, place) ?? 0;
      // Outside of memory: stop, or jump over the gap.
      if (pfn < start) pfn = columns > 0 ? start : from;
      if (pfn >= start + all.span) pfn = from;
    }
    this.goTo(Math.max(0, pfn));
  }

  /** Puts the cursor on a page and makes it visible. */
  goTo(pfn: number): void {
    const { perColumn } = this.#frame();
    const place = rowPlaceOf(this.#rows, pfn);
    const start = rowStart(this.#rows, place) ?? 0;
    const inRow = Math.min(Math.max(pfn, start), start + this.#rows.span - 1);
    this.#cursor = inRow - (inRow % perColumn);
    const { scroller } = this.#elements;
    const row = this.#rowHeight();
    const y = place * row;
    if (y < scroller.scrollTop) scroller.scrollTop = y - row;
    else if (y + row > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = y + 2 * row - scroller.clientHeight;
    }
    const lines = this.#describe(this.#cursor);
    this.#elements.live.textContent = lines.join(". ");
    this.#showTip(lines, this.#cursor);
    this.#draw();
  }

  /** Goes to the first or the last page. */
  goToEnd(last: boolean): void {
    const segment = last ? this.#payload.segments.at(-1) : this.#payload.segments[0];
    if (segment === undefined) return;
    this.goTo(last ? segment[0] + segment[1] * this.#payload.unit - 1 : segment[0]);
  }

  /** Shows the page under the mouse. Returns its pfn. */
  hover(clientX: number, clientY: number): number | undefined {
    const pfn = this.#hit(clientX, clientY);
    if (pfn === undefined) this.hideTip();
    else this.#showTip(this.#describe(pfn), pfn);
    return pfn;
  }

  hideTip(): void {
    this.#elements.tip.hidden = true;
  }

  toggle(group: number, shown: boolean): void {
    if (shown) this.#hidden.delete(group);
    else this.#hidden.add(group);
    this.restyle();
  }

  get byFate(): boolean {
    return this.#byFate;
  }

  /** Whether colours show the fates of pages instead of their kinds. */
  set byFate(value: boolean) {
    this.#byFate = value;
    this.restyle();
  }

  /** Call it when the page's colours have changed. */
  restyle(): void {
    this.#styles = fillStyles(this.#elements.canvas, this.#payload, this.#hidden, this.#byFate);
    this.#draw();
  }

  #wholeSpan(): number {
    const { segments, unit } = this.#payload;
    const rows = Math.max(8, Math.floor(this.#elements.scroller.clientHeight / rowHeight(0, 1)));
    return wholeSpan(segments, unit, CLOSEST * unit, rows);
  }

  #setSpan(span: number, anchor: number | undefined, y: number): void {
    const { segments, unit } = this.#payload;
    this.#span = Math.min(Math.max(span, CLOSEST * unit), this.#wholeSpan());
    this.#rows = layRows(segments, unit, this.#span);
    const { scroller, spacer, scale } = this.#elements;
    spacer.style.height = `${Math.max(0, this.#rows.total * this.#rowHeight() - scroller.clientHeight)}px`;
    if (anchor !== undefined)
      scroller.scrollTop = rowPlaceOf(this.#rows, anchor) * this.#rowHeight() - y + this.#rowHeight() / 2;
    const { perColumn } = this.#frame();
    const size = (pages: number) => formatBytes(pages * this.#payload.pageSize);
    const pages = perColumn === 1 ? "one page" : `${count(perColumn)} pages`;
    scale.textContent = `A row is ${size(this.#span)}, a column ${size(perColumn)} (${pages}).`;
    if (this.#cursor !== undefined) this.#cursor -= this.#cursor % perColumn;
    this.hideTip();
    this.#draw();
  }

  #rowHeight(): number {
    return rowHeight(this.#elements.scroller.clientHeight, this.#rows.total);
  }

  #frame(): Frame {
    const { scroller } = this.#elements;
    return frameOf(scroller.clientWidth, scroller.clientHeight, this.#rows, this.#payload, scroller.scrollTop);
  }

  #resize(): void {
    const { scroller, canvas } = this.#elements;
    const scale = globalThis.devicePixelRatio || 1;
    canvas.width = Math.round(scroller.clientWidth * scale);
    canvas.height = Math.round(scroller.clientHeight * scale);
    canvas.style.width = `${scroller.clientWidth}px`;
    canvas.style.height = `${scroller.clientHeight}px`;
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    if (this.#span > 0) this.#setSpan(this.#span, undefined, 0);
  }

  /** Paints in the next frame. */
  #draw(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      paint(this.#context, this.#frame(), {
        payload: this.#payload,
        counter: this.#slots,
        styles: this.#styles,
        cursor: this.#cursor,
      });
    });
  }

  #cursorY(): number | undefined {
    if (this.#cursor === undefined) return undefined;
    const { scroller } = this.#elements;
    const y = rowPlaceOf(this.#rows, this.#cursor) * this.#rowHeight() - scroller.scrollTop + this.#rowHeight() / 2;
    return y < 0 || y > scroller.clientHeight ? undefined : y;
  }

  #hit(clientX: number, clientY: number): number | undefined {
    const box = this.#elements.canvas.getBoundingClientRect();
    const { left, right } = this.#frame();
    const x = (clientX - box.left - left) / (right - left);
    return x < 0 || x >= 1 ? undefined : this.#pageAt(x, clientY - box.top);
  }

  /** The first page of the column at a share of the row's width. */
  #pageAt(x: number, y: number): number | undefined {
    const { rows, columns, perColumn, top } = this.#frame();
    const start = rowStart(rows, Math.floor((y + top) / this.#rowHeight()));
    return start === undefined ? undefined : start + Math.floor(x * columns) * perColumn;
  }

  #describe(pfn: number): string[] {
    const { perColumn } = this.#frame();
    const { pageSize, unit } = this.#payload;
    const counts = new Uint32Array(256);
    const found = this.#states.count(pfn, pfn + perColumn, counts);
    const first = address(pfn, pageSize);
    const where =
      perColumn === 1
        ? `${first}, pfn ${pfn}`
        : `${first} to ${address(pfn + perColumn, pageSize)}, pfn ${pfn} to ${pfn + perColumn - 1}: ${formatBytes(perColumn * pageSize)}`;
    const places = placesText(this.#payload, pfn);
    const head = places === "" ? [where] : [where, places];
    if (found === 0) return [...head, "no memory there"];
    const parts = shareOfStates(counts, Math.max(found, perColumn / unit));
    const alone = parts.length === 1 && found * unit >= perColumn;
    const shown = parts.slice(0, MOST_PARTS).map((part) => partText(this.#payload, part, alone));
    const more = parts.length > MOST_PARTS ? [`and ${parts.length - MOST_PARTS} more kinds`] : [];
    return [...head, ...shown, ...more];
  }

  #showTip(lines: readonly string[], pfn: number): void {
    const { tip, scroller } = this.#elements;
    tip.replaceChildren(
      ...lines.map((line, i) => {
        const element = document.createElement(i === 0 ? "strong" : "div");
        element.textContent = line;
        return element;
      }),
    );
    tip.hidden = false;
    const frame = this.#frame();
    const row = Math.floor(pfn / frame.rows.span) * frame.rows.span;
    const x = frame.left + ((pfn - row) / frame.rows.span) * (frame.right - frame.left);
    const y = rowPlaceOf(frame.rows, pfn) * this.#rowHeight() - frame.top;
    const left = Math.max(0, Math.min(x + 14, scroller.clientWidth - tip.offsetWidth - 4));
    const below = y + this.#rowHeight() + 6;
    const above = y - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${below + tip.offsetHeight > scroller.clientHeight && above > 0 ? above : below}px`;
  }
}
