// The boxes of a video, fetched by pages of frames around the one that is shown.
import { address, get, videoPath } from "/static/js/api.js";

const PAGE = 1500; // frames
const MAX_PAGES = 12;
const MAX_FETCHES = 2; // at a time: of those that a quick hand leads over only the last is wanted
const SAME_TIME_S = 1e-6; // two ways to compute one time differ by less

export class BoxPages {
  #pages = new Map(); // by number
  #fetches = new Map(); // promises of pages, by number
  #wanted = 0;

  source = "corrected"; // whose boxes

  constructor(id, clock, { signal, onPage }) {
    this.id = id;
    this.clock = clock;
    this.signal = signal;
    this.onPage = onPage;
  }

  // What is seen in a frame; null while it is fetched. The page after it is fetched ahead.
  at(frame) {
    const number = Math.floor(frame / PAGE), page = this.#pages.get(number);
    this.#wanted = page ? number + 1 : number;
    this.#fetchWanted();
    return page ? seen(page, frame, this.clock.timesS[frame]) : null;
  }

  // Resolves once the boxes around a frame are here, or cannot be had.
  load(frame) {
    this.at(frame);
    return this.#fetches.get(Math.floor(frame / PAGE));
  }

  // Reads everything again; what is on its way goes into pages that nobody looks at any more.
  forget() {
    this.#pages = new Map();
    this.#fetches = new Map();
  }

  #fetchWanted() {
    const number = this.#wanted;
    if (this.#pages.has(number) || this.#fetches.has(number) || this.#fetches.size >= MAX_FETCHES || number * PAGE >= this.clock.length) return;
    this.#fetches.set(number, this.#fetch(number, this.#pages, this.#fetches));
  }

  async #fetch(number, pages, fetches) {
    const query = { first: String(number * PAGE), last: (number + 1) * PAGE, source: this.source };
    try {
      pages.set(number, await get(address(videoPath(this.id, "/boxes"), query), { signal: this.signal }));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      return;
    } finally {
      fetches.delete(number);
    }
    if (pages !== this.#pages) return;
    if (pages.size > MAX_PAGES) pages.delete(pages.keys().next().value);
    this.onPage();
    this.#fetchWanted();
  }
}

// The sightings in a frame: as `Presence.at` of the drawings in Python has them.
export function seen(page, frame, timeS) {
  const found = [];
  for (let i = 0; i < page.frame.length; i += 1) {
    if (page.frame[i] > frame) continue;
    const next = page.next[i];
    const isShown = page.frame[i] === frame || (next >= 0 ? frame < page.frame[next] : timeS < page.until_s[i] - SAME_TIME_S);
    if (isShown) found.push(sighting(page, i, next, frame, timeS));
  }
  return found;
}

function sighting(page, i, next, frame, timeS) {
  const isDetected = page.frame[i] === frame;
  const share = isDetected || next < 0 ? 0 : Math.min(1, (timeS - page.time_s[i]) / (page.time_s[next] - page.time_s[i]));
  const label = page.labels[page.label[i]] ?? null;
  return {
    label, isDetected, colour: page.colours[page.linked[i]] ?? page.colours[page.label[i]], stored: page.frame[i], kind: page.kind[i] ? "face" : "person", linked: page.labels[page.linked[i]] ?? null,
    confidence: page.confidence[i], box: between(page.box[i], next < 0 ? null : page.box[next], share),
    points: between(page.points[i], next < 0 ? null : page.points[next], share),
  };
}

function between(before, after, share) {
  if (!before || !after || !share || before.length !== after.length) return before;
  return before.map((value, i) => value + (after[i] - value) * share);
}
