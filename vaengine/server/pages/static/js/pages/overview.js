// What is at work, how fast, and how long it will take; what was done before. Numbers move by themselves.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get, post } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, meter, pageHead, stateBadge, tile } from "/static/js/parts.js";
import { ago, clock, count, counted, duration, fixed, instant, moment, pipelineName } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { plot } from "/static/js/plot.js";
import { View } from "/static/js/view.js";

const STATES = [["completed", "good"], ["running", ""], ["retrying", ""], ["pending", ""], ["paused", ""], ["interrupted", "warn"], ["failed", "bad"]];
const ALWAYS = new Set(["completed", "running", "pending", "failed"]);
const SPANS = { 60: "a minute", 3600: "an hour", 86400: "a day", 604800: "a week" };
const KEPT = 600; // points of the pace, five minutes
const NEWS = 12;

export async function mount(host, context) {
  const page = new Overview(host, context);
  page.update();
  live.on(["hello", "reset", "progress"], (detail) => page.moved(detail.progress ?? detail), context.signal);
  live.on(["jobs"], (detail) => page.happened(detail.events), context.signal);
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 2000), context.signal);
  live.on(["reset"], () => { page.news = []; page.recall(); }, context.signal);
  if (live.progress) page.moved(live.progress);
  await Promise.all([page.reload(), page.recall()]);
}

class Overview extends View {
  batches = null;
  overview = null;
  progress = null;
  charts = {};
  news = [];
  pace = [[], []];

  reload() {
    return this.load(async () => {
      const [batches, overview] = await Promise.all([get("/api/batches?limit=20", { signal: this.signal }), get("/api/overview", { signal: this.signal })]);
      return { batches, overview };
    }).then(() => this.draw());
  }

  moved(progress) {
    if (!progress?.videos) return;
    const runs = progress.runs.filter((one) => one.frames_total !== undefined);
    if (runs.length) {
      const fps = runs.reduce((sum, run) => sum + run.fps, 0);
      this.pace = [[...this.pace[0], Date.now() / 1000].slice(-KEPT), [...this.pace[1], fps].slice(-KEPT)];
    }
    this.update({ progress });
    this.draw();
  }

  happened(events) {
    const known = new Map([...this.news, ...events].map((one) => [one.number, one]));
    this.update({ news: [...known.values()].sort((a, b) => b.number - a.number).slice(0, NEWS) });
  }

  // What happened before the page was opened.
  async recall() {
    const events = await attempt(() => get(address("/api/events/recent", { limit: NEWS }), { signal: this.signal }));
    if (events) this.happened(events);
  }

  draw() {
    this.chart("pace", this.pace, { series: [{ name: "frames a second", colour: "--plot-1", fill: true }], format: (value) => fixed(value, value < 10 ? 1 : 0) });
    const { history } = this.overview?.figures ?? { history: [] };
    if (history.length > 1) this.chart("history", [history.map((one) => instant(one.at).getTime() / 1000), history.map((one) => one.completed)], { series: [{ name: "videos", colour: "--plot-3", fill: true }], bars: true, barWidth: this.overview.figures.bucket_s, format: (value) => (Number.isInteger(value) ? count(value) : "") });
  }

  chart(name, data, options) {
    const host = this.host.querySelector(`.${name}`);
    if (this.charts[name] && host?.childElementCount) this.charts[name].update(data);
    else if (host) this.charts[name] = plot(host, { data, signal: this.signal, ...options });
  }

  async act(batch, action) {
    const done = await attempt(() => post(`/api/batches/${encodeURIComponent(batch)}/actions`, { action }));
    if (done) { notify([counted(done.job_ids.length, "video"), ...done.notes].join("; ")); await this.reload(); }
  }

  view() {
    const states = Object.values(this.overview?.figures.states ?? {}), total = states.reduce((sum, one) => sum + one.videos, 0), hours = states.reduce((sum, one) => sum + one.hours, 0);
    return html`${pageHead("Overview", this.overview ? `${counted(total, "video")}, ${duration(3600 * hours)}` : "")}
      ${this.overview === null ? loading : total || this.batches.total ? this.full() : html`<div class="card">${empty("film", "Nothing here yet", html`Annotate videos: <code>vaengine run VIDEOS/</code>. This page shows how it goes.`)}</div>`}`;
  }

  full() {
    const runs = (this.progress?.runs ?? []).filter((one) => one.state !== "ended"), { history } = this.overview.figures;
    return html`<div class="stack">
      ${this.states(runs.length > 0)}
      ${runs.map((run) => this.run(run))}
      ${this.pipelines()}
      <div class="grid">
        ${runs.length ? html`<section class="card"><h2>Frames a second</h2><div class="plot pace"></div></section>` : nothing}
        ${history.length > 1 ? html`<section class="card"><h2>Videos done in ${SPANS[this.overview.figures.bucket_s] ?? duration(this.overview.figures.bucket_s)}</h2><div class="plot history"></div></section>` : nothing}
        <section class="card"><h2>What happened</h2>${this.news.length ? html`<ul class="news">${this.news.map((one) => html`<li><span class="soft tiny">${moment(one.at)}</span>
          <span class="wrap">${one.video_id ? html`<a href=${`/videos/${encodeURIComponent(one.video_id)}`}>${one.video_id}</a> ` : nothing}${one.pipeline ? `${pipelineName(one.pipeline)} ` : ""}${one.name}</span></li>`)}</ul>` : html`<p class="soft">Nothing yet.</p>`}</section>
      </div>
      ${this.table()}
    </div>`;
  }

  pipelines() {
    const rows = Object.entries(this.overview.figures.pipelines), lanes = lanesOf(this.progress?.runs ?? this.overview.runs);
    if (!rows.length) return nothing;
    return html`<section class="card flush scroll-x" aria-label="Pipelines" tabindex="0"><table><thead><tr><th>Pipeline</th><th class="spread">Videos</th><th class="num">Completed</th><th class="num">Failed</th><th class="num">Annotations</th><th class="num" title="Decode and model time, the average of the videos that completed">Work a video, average</th><th class="num">Real-time factor</th></tr></thead><tbody>
      ${rows.map(([name, one]) => {
        const all = Object.values(one.states).reduce((sum, number) => sum + number, 0) || 1, lane = lanes.get(name), done = lane?.frames_total ? `${count(lane.frames_done)} of ${count(lane.frames_total)} at work` : "";
        return html`<tr><td><b>${pipelineName(name)}</b></td><td class="spread">${meter(STATES.filter(([state]) => one.states[state]).map(([state, kind]) => ({ name: state, kind, share: one.states[state] / all })))}<span class="tiny soft">${done}</span></td>
          <td class="num">${count(one.states.completed ?? 0)}</td><td class="num">${count(one.states.failed ?? 0)}</td><td class="num">${count(one.annotations)}</td><td class="num">${one.processing_s === null ? "–" : duration(one.processing_s)}</td><td class="num">${one.realtime_factor === null ? "–" : `${fixed(one.realtime_factor, one.realtime_factor < 10 ? 2 : 0)} ×`}</td></tr>`;
      })}</tbody></table></section>`;
  }

  get range() {
    const { eta } = this.overview.figures;
    return eta && eta.high_s > eta.low_s ? `${clock(eta.low_s)} to ${clock(eta.high_s)}` : null;
  }

  // Videos and hours by state: those of the stream are newer.
  get byState() {
    const { states } = this.overview.figures, { videos, hours } = this.progress ?? {};
    if (videos) return Object.fromEntries(Object.keys(videos).map((state) => [state, { videos: videos[state], hours: hours[state] }]));
    return states;
  }

  states(isAtWork) {
    const { byState } = this, all = Object.values(byState).reduce((sum, one) => sum + one.videos, 0), pace = this.overview.figures.videos_per_hour;
    const known = STATES.filter(([state]) => byState[state]?.videos);
    return html`<section class="card" aria-label="Videos by state">${meter(known.map(([state, kind]) => ({ name: state, kind, share: byState[state].videos / Math.max(1, all) })))}
      <div class="row states">${STATES.filter(([state]) => byState[state]?.videos || ALWAYS.has(state)).map(([state]) => html`<a class="state" href=${address(state === "failed" ? "/errors" : "/videos", state === "failed" ? {} : { status: state })}>
        <b>${count(byState[state]?.videos ?? 0)}</b> ${state}${byState[state]?.hours ? html` <span class="small">${duration(3600 * byState[state].hours)}</span>` : nothing}</a>`)}
        ${isAtWork && pace !== null ? html`<span class="state" title="Of all runs, in the last hour in which a video ended"><b>${count(pace)}</b> videos an hour</span>` : nothing}</div></section>`;
  }

  run(run) {
    const ended = (run.videos_done ?? 0) + (run.videos_skipped ?? 0) + (run.videos_failed ?? 0), share = run.frames_total ? run.frames_done / run.frames_total : 0;
    return html`<section aria-label=${`Batch ${run.batch_id}`} class="stack tight">
      <div class="card-head"><h2>At work: ${run.batch_id} ${run.state === "running" ? nothing : stateBadge(run.state)}</h2>
        <div class="row">${["pause", "cancel"].map((action) => html`<button @click=${() => this.act(run.batch_id, action)}>${action === "pause" ? "Pause" : "Cancel"}</button>`)}</div></div>
      ${run.frames_total === undefined ? html`<div class="card soft">Starting, or silent for ${duration(run.silent_s)}.</div>` : html`
      <dl class="tiles">
        ${tile("Videos", count(ended), `of ${count(run.videos_total)}${run.probing ? "+" : ""}`, run.videos_failed ? `${count(run.videos_failed)} failed` : "")}
        ${tile("Frames", `${Math.floor(100 * share)}`, "%", `${count(run.frames_done)} of ${count(run.frames_total)}`)}
        ${tile("Pace", run.videos_per_hour === null ? "–" : count(run.videos_per_hour), "videos/h", `${fixed(run.fps, 1)} frames/s`)}
        ${tile("Real time", fixed(run.realtime_factor, 2), "×", "seconds of video in a second")}
        ${tile("Time left", run.eta_s === null ? "–" : clock(run.eta_s), "", run.eta_s === null ? "not known yet" : this.range ?? `about ${new Date(Date.now() + 1000 * run.eta_s).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit" })}`)}
        ${tile("Running for", clock(run.elapsed_s), "", "")}
      </dl>`}</section>`;
  }

  table() {
    const rows = this.batches.batches;
    if (!rows.length) return nothing;
    return html`<section class="card flush scroll-x" aria-label="Batches" tabindex="0"><table><thead><tr><th>Batch</th><th>State</th><th>Begun</th><th class="num">Files</th><th class="num">Done</th><th class="num">Failed</th><th></th></tr></thead><tbody>
      ${rows.map((row) => html`<tr><td><a class="cover" href=${address("/videos", { batch: row.batch_id })}>${row.batch_id}</a></td><td>${stateBadge(row.state)}${row.error ? html`<div class="small soft clamp">${row.error}</div>` : nothing}</td>
        <td class="soft">${ago(row.started_at)}</td><td class="num">${count(row.inputs)}</td><td class="num">${count(row.videos.completed ?? 0)}</td><td class="num">${count(row.videos.failed ?? 0)}</td>
        <td class="num">${row.videos.failed ? html`<button @click=${() => this.act(row.batch_id, "retry")}>Retry failed</button>` : nothing}</td></tr>`)}</tbody></table></section>`;
  }
}

// What is at work of each pipeline, over all runs.
export function lanesOf(runs) {
  const lanes = new Map();
  for (const { pipeline, frames_done, frames_total } of runs.flatMap((run) => run.lanes)) {
    const sum = lanes.get(pipeline) ?? { frames_done: 0, frames_total: 0 };
    lanes.set(pipeline, { frames_done: sum.frames_done + frames_done, frames_total: sum.frames_total + frames_total });
  }
  return lanes;
}
