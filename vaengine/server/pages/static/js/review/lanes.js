// The zoomable timeline: lanes on a canvas that is drawn once for a view; only the playhead moves.
import { address, get, videoPath } from "/static/js/api.js";
import { clock, inkOn } from "/static/js/format.js";

export const ROW = 22; // CSS pixels of a lane
const RULER = 22;
const FETCH_MS = 150; // of rest, before a view is fetched
const MIN_SPAN_S = 0.5;

export class Lanes extends EventTarget {
  lanes = [];
  showsMinor = false;
  source = "corrected"; // whose results

  constructor(host, id, { durationS, startS = 0, signal }) {
    super();
    Object.assign(this, { host, id, durationS, startS, signal });
    this.from = startS;
    this.to = durationS;
    this.canvas = host.querySelector("canvas.lanes");
    this.ruler = host.querySelector("canvas.ruler");
    this.head = host.querySelector(".playhead");
    this.region = host.querySelector(".loop-region");
    this.#listen();
  }

  get shown() { return this.showsMinor ? this.lanes : this.lanes.filter((lane) => !lane.is_minor); }
  get minorCount() { return this.lanes.filter((lane) => lane.is_minor).length; }
  get width() { return this.canvas.clientWidth; }

  x(timeS) { return ((timeS - this.from) / (this.to - this.from)) * this.width; }
  timeAt(x) { return this.from + (x / this.width) * (this.to - this.from); }

  async fetch() {
    const px = Math.max(1, Math.round(this.width * devicePixelRatio));
    const query = { from: this.from.toFixed(4), to: this.to.toFixed(4), px, source: this.source };
    this.lanes = await get(address(videoPath(this.id, "/lanes"), query), { signal: this.signal });
    this.dispatchEvent(new Event("lanes"));
    this.draw();
  }

  // Begin of the interval of a lane that begins first from a time on, or last before it; null where there is none.
  async neighbour(lane, timeS, direction) {
    const part = `/lanes/${direction > 0 ? "next" : "previous"}`, query = { kind: lane.kind, key: lane.key, at: String(timeS), source: this.source };
    const found = await get(address(videoPath(this.id, part), query), { signal: this.signal });
    return found?.start_s ?? null;
  }

  zoom(factor, aroundS = (this.from + this.to) / 2) {
    const whole = this.durationS - this.startS;
    const span = Math.min(whole, Math.max(Math.min(MIN_SPAN_S, whole), (this.to - this.from) * factor));
    const share = (aroundS - this.from) / (this.to - this.from);
    this.look(aroundS - span * share, span);
  }

  look(from, span = this.to - this.from) {
    this.from = Math.max(this.startS, Math.min(from, this.durationS - span));
    this.to = this.from + span;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch().catch((error) => { if (error.name !== "AbortError") throw error; }), FETCH_MS);
  }

  // Moves the playhead, and the view with it where it has left it.
  follow(timeS, isPlaying) {
    if (isPlaying && (timeS > this.to || timeS < this.from)) this.look(timeS - 0.05 * (this.to - this.from));
    this.nowS = timeS;
    const x = this.x(timeS);
    this.head.hidden = x < -1 || x > this.width + 1;
    this.head.style.transform = `translateX(${x.toFixed(1)}px)`;
  }

  showLoop(loop) {
    this.loop = loop;
    this.region.hidden = !loop;
    if (!loop) return;
    const left = Math.max(0, this.x(loop.startS)), right = Math.min(this.width, this.x(loop.endS));
    this.region.style.transform = `translateX(${left.toFixed(1)}px)`;
    this.region.style.width = `${Math.max(0, right - left).toFixed(1)}px`;
  }

  draw() {
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    this.#drawRuler(colour);
    const rows = this.shown, pen = this.#sized(this.canvas, Math.max(1, rows.length) * ROW);
    rows.forEach((lane, i) => this.#drawLane(pen, lane, i, colour));
    if (this.nowS !== undefined) this.follow(this.nowS, false);
    this.showLoop(this.loop);
  }

  #sized(canvas, height) {
    const ratio = devicePixelRatio;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return pen;
  }

  #drawLane(pen, lane, row, colour) {
    const top = row * ROW;
    pen.fillStyle = colour("--edge");
    pen.fillRect(0, top + ROW - 1, this.width, 1);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    lane.bars.forEach((bar, i) => {
      const left = this.x(bar.start_s), width = Math.max(2, this.x(bar.end_s) - left - (lane.kind === "scene" ? 1 : 0));
      if (left > this.width || left + width < 0) return;
      const fill = bar.colour ?? colour(lane.kind === "scene" && i % 2 ? "--bar-2" : "--bar-1");
      pen.fillStyle = fill;
      pen.beginPath();
      pen.roundRect(left, top + 3, width, ROW - 7, Math.min(3, width / 2));
      pen.fill();
      if (bar.label && width > pen.measureText(bar.label).width + 8) {
        pen.fillStyle = inkOn(fill);
        pen.fillText(bar.label, Math.max(left, 0) + 4, top + ROW / 2 - 0.5);
      }
    });
  }

  #drawRuler(colour) {
    const pen = this.#sized(this.ruler, RULER), span = this.to - this.from;
    const step = stepOf((span / Math.max(1, this.width)) * 76), digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step) {
      const x = this.x(time);
      pen.fillStyle = colour("--edge-strong");
      pen.fillRect(Math.round(x), RULER - 6, 1, 6);
      pen.fillStyle = colour("--soft");
      if (x + 40 < this.width) pen.fillText(clock(time, digits), x + 3, RULER / 2 - 2);
    }
  }

  #listen() {
    const options = { signal: this.signal };
    const seek = (event) => this.dispatchEvent(new CustomEvent("seek", { detail: this.timeAt(event.clientX - this.canvas.getBoundingClientRect().left) }));
    for (const canvas of [this.canvas, this.ruler]) {
      let drag = null;
      canvas.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        canvas.setPointerCapture(event.pointerId);
        drag = event.shiftKey ? { x: event.clientX, from: this.from } : "seek";
        if (drag === "seek") seek(event);
      }, options);
      canvas.addEventListener("pointermove", (event) => {
        if (drag === "seek") seek(event);
        else if (drag) this.look(drag.from - ((event.clientX - drag.x) / this.width) * (this.to - this.from));
        else this.#hint(event);
      }, options);
      canvas.addEventListener("pointerup", () => { drag = null; }, options);
      canvas.addEventListener("wheel", (event) => this.#wheel(event), { ...options, passive: false });
    }
    this.canvas.addEventListener("dblclick", (event) => {
      const bar = this.#barAt(event);
      if (bar) this.dispatchEvent(new CustomEvent("loop", { detail: bar }));
    }, options);
    new ResizeObserver(() => { if (this.width && !this.signal.aborted) this.look(this.from); }).observe(this.canvas);
    addEventListener("themechange", () => this.draw(), options);
  }

  #wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.004), this.timeAt(event.offsetX));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.look(this.from + ((event.deltaX || event.deltaY) / this.width) * (this.to - this.from));
    }
  }

  #barAt(event) {
    const frame = this.canvas.getBoundingClientRect(), time = this.timeAt(event.clientX - frame.left);
    const lane = this.shown[Math.floor((event.clientY - frame.top) / ROW)], slack = (2 / this.width) * (this.to - this.from);
    return lane?.bars.findLast((bar) => bar.start_s - slack <= time && time < bar.end_s + slack) ?? null;
  }

  #hint(event) {
    if (event.currentTarget !== this.canvas) return;
    const bar = this.#barAt(event);
    this.canvas.title = bar?.title ?? "";
  }
}

// The first round step of at least so many seconds.
function stepOf(seconds) {
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  return steps.find((step) => step >= seconds) ?? Math.ceil(seconds / 7200) * 7200;
}
