// How the results of videos compare: what was found in a minute of each against the median of the collection,
// and results that are empty or came with a warning.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get } from "/static/js/api.js";
import { empty, loading, pageHead } from "/static/js/parts.js";
import { count, counted, fixed, pipelineName, share } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { plot } from "/static/js/plot.js";
import { View } from "/static/js/view.js";

const MOST = 2000; // videos that are looked at
const BINS = 24;
const FAR = 4; // times the median, or a fourth of it
const LISTED = 12;

export async function mount(host, context) {
  const page = new Quality(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 5000), context.signal);
  await page.reload();
}

class Quality extends View {
  pipelines = null;

  reload() {
    return this.load(async () => {
      const videos = [];
      let page = null, total = 0;
      do {
        const list = await get(address("/api/videos", { limit: 500, page }), { signal: this.signal });
        videos.push(...list.videos);
        [page, total] = [list.next_page, list.total];
      } while (page && videos.length < MOST);
      return { pipelines: measured(videos), looked: videos.length, total };
    }).then(() => this.draw());
  }

  draw() {
    this.charts ??= new Map();
    for (const one of this.pipelines ?? []) {
      const host = this.host.querySelector(`[data-pipeline="${one.name}"]`);
      if (!host) continue;
      if (this.charts.has(one.name)) this.charts.get(one.name).update(one.histogram);
      else this.charts.set(one.name, plot(host, { series: [{ name: "videos", colour: "--plot-1", fill: true }], data: one.histogram, bars: true, isTime: false, format: (value) => (Number.isInteger(value) ? count(value) : ""), xFormat: (value) => fixed(value, value < 10 && value % 1 ? 1 : 0), signal: this.signal }));
    }
  }

  view() {
    const { pipelines } = this;
    const partial = this.looked < this.total ? `, of the first ${count(this.looked)} of ${count(this.total)} videos` : "";
    return html`${pageHead("Quality", pipelines ? `Annotations in a minute of each video${partial}` : "")}
      ${pipelines === null ? loading : pipelines.length ? html`<div class="grid">${pipelines.map((one) => this.pipeline(one))}</div>`
        : html`<div class="card">${empty("chart", "No results to compare yet", "As soon as videos are done, this page shows which of them differ from the others.")}</div>`}`;
  }

  pipeline(one) {
    return html`<section class="card" aria-label=${pipelineName(one.name)}>
      <div class="card-head"><h2>${pipelineName(one.name)}</h2><span class="small soft">${counted(one.rates.length, "video")} · median ${fixed(one.median, 1)} a minute</span></div>
      <div class="plot" data-pipeline=${one.name} role="img" aria-label=${`Videos by annotations in a minute; the median is ${fixed(one.median, 1)}`}></div>
      <dl class="facts small"><dt>Empty</dt><dd>${count(one.empty.length)} (${share(one.empty.length / Math.max(1, one.rates.length))})</dd><dt>With a warning</dt><dd>${count(one.warned.length)}</dd><dt>Unlike the others</dt><dd>${count(one.far.length)}</dd></dl>
      ${this.list("Unlike the others", one.far, (video) => `${fixed(video.rate, 1)} a minute`)}
      ${this.list("Empty", one.empty, () => "")}
      ${this.list("With a warning", one.warned, (video) => video.warning)}
    </section>`;
  }

  list(title, videos, tell) {
    if (!videos.length) return nothing;
    return html`<details><summary class="small">${title}</summary><ul class="small stack tight">${videos.slice(0, LISTED).map((video) => html`<li class="wrap"><a href=${`/videos/${encodeURIComponent(video.id)}`}>${video.name}</a> <span class="soft">${tell(video)}</span></li>`)}
      ${videos.length > LISTED ? html`<li class="soft">and ${count(videos.length - LISTED)} more</li>` : nothing}</ul></details>`;
  }
}

function measured(videos) {
  const byPipeline = new Map();
  for (const video of videos) {
    for (const [name, state] of Object.entries(video.pipelines)) {
      if (state.status !== "completed" || !video.duration_s) continue;
      const rows = byPipeline.get(name) ?? byPipeline.set(name, []).get(name);
      rows.push({ id: video.video_id, name: video.name, rate: (60 * (state.annotations ?? 0)) / video.duration_s, isEmpty: !state.annotations, warning: state.warning });
    }
  }
  return [...byPipeline].map(([name, rows]) => {
    const rates = rows.map((row) => row.rate).sort((a, b) => a - b), median = rates[Math.floor(rates.length / 2)] ?? 0;
    return {
      name, rates, median, histogram: histogram(rates), empty: rows.filter((row) => row.isEmpty), warned: rows.filter((row) => row.warning),
      far: rows.filter((row) => !row.isEmpty && median && (row.rate > FAR * median || row.rate < median / FAR)),
    };
  });
}

function histogram(sorted) {
  const top = sorted.at(-1) || 1, width = top / BINS, counts = new Array(BINS).fill(0);
  for (const rate of sorted) counts[Math.min(BINS - 1, Math.floor(rate / width))] += 1;
  return [counts.map((_, i) => i * width), counts];
}
