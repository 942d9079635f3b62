// A page that keeps its state in one object and draws itself anew when it changes.
import { render } from "/static/vendor/lit-html.js";
import { alertOf } from "/static/js/parts.js";

export class View {
  error = null;

  constructor(host, { query, signal }) {
    Object.assign(this, { host, query, signal });
  }

  update(changes = {}) {
    Object.assign(this, changes);
    if (!this.signal.aborted) render(this.error ? [alertOf(this.error), this.view()] : this.view(), this.host);
  }

  // Carries something out and draws; what goes wrong stands at the top of the page until it works again.
  async load(work) {
    try {
      const changes = await work();
      this.update({ error: null, ...changes });
    } catch (error) {
      if (error.name !== "AbortError") this.update({ error });
    }
  }

  calmly(work, ms = 1000) { return calmly(work, ms, this.signal); }
}

// Calls at most once in so many milliseconds, and a hidden page once it is seen again; the last call counts.
export function calmly(work, ms, signal) {
  let timer = null, isDue = false;
  const run = () => {
    timer = null;
    isDue = document.hidden;
    if (!signal.aborted && !isDue) work();
  };
  document.addEventListener("visibilitychange", () => { if (isDue && !document.hidden) run(); }, { signal });
  return () => { timer ??= setTimeout(run, ms); };
}
