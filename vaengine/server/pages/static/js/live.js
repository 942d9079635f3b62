// The one stream of events of a page. The browser opens it again by itself and says where it was.
import { ApiError } from "/static/js/api.js";

class Live extends EventTarget {
  isOpen = false;
  #stream = null;
  lastId = null;
  progress = null; // the newest, for pages that open later

  open() {
    this.#stream?.close();
    this.#stream = new EventSource("/api/events");
    this.#stream.onopen = () => this.#set(true);
    this.#stream.onerror = () => this.#set(false);
    for (const name of KINDS) this.#stream.addEventListener(name, (event) => this.#pass(event));
  }

  // Calls back for events of these kinds until the signal.
  on(kinds, callback, signal) {
    for (const kind of kinds) this.addEventListener(kind, (event) => callback(event.detail, kind), { signal });
  }

  #pass(event) {
    this.lastId = event.lastEventId;
    let detail;
    try { detail = JSON.parse(event.data); } catch { throw new ApiError(0, { kind: "event", what: `an event is no JSON: ${event.data.slice(0, 80)}` }); }
    if (event.type === "progress" || detail.progress) this.progress = detail.progress ?? detail;
    this.dispatchEvent(new CustomEvent(event.type, { detail }));
  }

  #set(isOpen) {
    if (this.isOpen === isOpen) return;
    this.isOpen = isOpen;
    this.dispatchEvent(new Event("state"));
  }
}

export const KINDS = ["hello", "reset", "jobs", "progress", "fault"];
export const live = new Live();
