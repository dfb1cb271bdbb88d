import type { Payload } from "../payload.js";
import { pageOfText } from "../words.js";
import { MapView } from "./map-view.js";
import { paintSwatches } from "./styles.js";

function element<E extends HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as E;
}

/** Unpacks the cells: base64 of a zlib stream. */
async function unpack(text: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(text.trim()), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bindKeys(canvas: HTMLCanvasElement, view: MapView): void {
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => view.move(-1, 0),
    ArrowRight: () => view.move(1, 0),
    ArrowUp: () => view.move(0, -1),
    ArrowDown: () => view.move(0, 1),
    PageUp: () => view.move(0, -view.rowsInSight),
    PageDown: () => view.move(0, view.rowsInSight),
    Home: () => view.goToEnd(false),
    End: () => view.goToEnd(true),
    "+": () => view.zoom(-1),
    "=": () => view.zoom(-1),
    Enter: () => view.zoom(-1),
    "-": () => view.zoom(1),
    "0": () => view.whole(),
    Escape: () => view.hideTip(),
  };
  canvas.addEventListener("keydown", (event) => {
    const run = keys[event.key];
    if (run === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    run();
  });
}

/** Pixels of the wheel for one step of zoom: a notch of a mouse is 100 or 120. */
const WHEEL_STEP = 60;
/** Pixels that a mouse may move during a click. */
const CLICK = 4;

function bindMouse(canvas: HTMLCanvasElement, view: MapView): void {
  let turned = 0;
  canvas.addEventListener(
    "wheel",
    (event) => {
      // Without focus the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      turned += event.deltaY * (event.deltaMode === 1 ? 30 : 1);
      if (Math.abs(turned) < WHEEL_STEP && !event.ctrlKey) return;
      view.zoomAt(turned < 0 ? -1 : 1, event.clientX, event.clientY);
      turned = 0;
    },
    { passive: false },
  );
  let dragged: { y: number; moved: number } | undefined;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    dragged = { y: event.clientY, moved: 0 };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged === undefined) {
      view.hover(event.clientX, event.clientY);
      return;
    }
    const by = dragged.y - event.clientY;
    dragged = { y: event.clientY, moved: dragged.moved + Math.abs(by) };
    if (dragged.moved > CLICK) {
      view.hideTip();
      view.pan(by);
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (dragged !== undefined && dragged.moved <= CLICK) {
      const pfn = view.hover(event.clientX, event.clientY);
      if (pfn !== undefined) view.goTo(pfn);
    }
    dragged = undefined;
  });
  canvas.addEventListener("pointercancel", () => {
    dragged = undefined;
  });
  canvas.addEventListener("pointerleave", () => view.hideTip());
  canvas.addEventListener("dblclick", (event) => view.zoomAt(-1, event.clientX, event.clientY));
}

function bindControls(
  canvas: HTMLCanvasElement,
  view: MapView,
  payload: Payload,
  swatches: (byFate: boolean) => void,
): void {
  element("zoom-in").addEventListener("click", () => view.zoom(-1));
  element("zoom-out").addEventListener("click", () => view.zoom(1));
  element("zoom-all").addEventListener("click", () => view.whole());
  for (const box of document.querySelectorAll<HTMLInputElement>("input[data-toggle]")) {
    // Browsers restore checkboxes after a reload.
    box.checked = true;
    box.addEventListener("change", () => view.toggle(Number(box.dataset.toggle), box.checked));
  }
  for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=colour]")) {
    radio.checked = radio.value === "kind";
    radio.addEventListener("change", () => {
      if (!radio.checked) return;
      view.byFate = radio.value === "fate";
      swatches(radio.value === "fate");
    });
  }
  const place = element<HTMLInputElement>("place");
  element("go").addEventListener("submit", (event) => {
    event.preventDefault();
    const pfn = pageOfText(place.value, payload.pageSize);
    place.setCustomValidity(pfn === undefined ? "An address (0x1f000, 3.5G) or a page number (pfn 1234)" : "");
    if (pfn === undefined) {
      place.reportValidity();
      return;
    }
    view.goTo(pfn);
    canvas.focus({ preventScroll: true });
  });
  place.addEventListener("input", () => place.setCustomValidity(""));
}

async function start(): Promise<void> {
  const payload = JSON.parse(element("payload").textContent ?? "") as Payload;
  const swatches = (byFate: boolean) =>
    paintSwatches(document.querySelectorAll<HTMLCanvasElement>("canvas.swatch"), payload, byFate);
  swatches(false);
  element("map").hidden = false;
  const canvas = element<HTMLCanvasElement>("canvas");
  const scroller = element("scroller");
  const view = new MapView(payload, await unpack(element("cells").textContent ?? ""), {
    ...{ scroller, canvas },
    spacer: element("spacer"),
    tip: element("tip"),
    live: element("live"),
    scale: element("scale"),
  });
  bindKeys(canvas, view);
  bindMouse(canvas, view);
  bindControls(canvas, view, payload, swatches);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    swatches(view.byFate);
    view.restyle();
  });
  document.documentElement.dataset.ready = "true";
}

start().catch((error: unknown) => {
  element("no-map").hidden = false;
  element("no-map").textContent = `This browser cannot draw the picture (${error}). The tables below have its figures.`;
  element("map").hidden = true;
});
