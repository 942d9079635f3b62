// What is at work, how fast, and how long it will take; what was done before. Numbers move by themselves.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get, post } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, meter, pageHead, stateBadge, tile } from "/static/js/parts.js";
import { ago, clock, count, counted, duration, fixed, pipelineName } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { plot } from "/static/js/plot.js";
import { View } from "/static/js/view.js";

const STATES = [["completed", "good"], ["running", ""], ["retrying", ""], ["pending", ""], ["paused", ""], ["interrupted", "warn"], ["failed", "bad"]];
const KEPT = 600; // points of the pace, five minutes
const NEWS = 12;

export async function mount(host, context) {
  const page = new Overview(host, context);
  page.update();
  live.on(["hello", "reset", "progress"], (detail) => page.moved(detail.progress ?? detail), context.signal);
  live.on(["jobs"], (detail) => page.happened(detail.events), context.signal);
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 2000), context.signal);
  if (live.progress) page.moved(live.progress);
  await page.reload();
}

class Overview extends View {
  batches = null;
  videos = null;
  progress = null;
  news = [];
  pace = [[], []];

  reload() {
    return this.load(async () => {
      const [batches, videos] = await Promise.all([
        get("/api/batches?limit=20", { signal: this.signal }), get(address("/api/videos", { limit: 1 }), { signal: this.signal }),
      ]);
      return { batches, videos };
    });
  }

  moved(progress) {
    if (!progress?.videos) return;
    const run = progress.runs.find((one) => one.frames_total !== undefined);
    if (run) {
      this.pace = [[...this.pace[0], Date.now() / 1000].slice(-KEPT), [...this.pace[1], run.fps].slice(-KEPT)];
      this.chart?.update(this.pace);
    }
    this.update({ progress });
    this.draw();
  }

  happened(events) {
    this.update({ news: [...events.filter((one) => one.name !== "chunk").reverse(), ...this.news].slice(0, NEWS) });
  }

  draw() {
    const host = this.host.querySelector(".pace");
    if (host && !this.chart) this.chart = plot(host, { series: [{ name: "frames a second", colour: "--plot-1", fill: true }], data: this.pace, format: (value) => fixed(value, value < 10 ? 1 : 0), signal: this.signal });
  }

  async act(batch, action) {
    const done = await attempt(() => post(`/api/batches/${encodeURIComponent(batch)}/actions`, { action }));
    if (done) { notify([counted(done.job_ids.length, "video"), ...done.notes].join("; ")); await this.reload(); }
  }

  view() {
    const total = this.videos?.total ?? 0;
    return html`${pageHead("Overview", this.videos ? counted(total, "video") : "")}
      ${this.videos === null ? loading : total || this.batches.total ? this.full() : html`<div class="card">${empty("film", "Nothing here yet", html`Annotate videos: <code>vaengine run VIDEOS/</code>. This page shows how it goes.`)}</div>`}`;
  }

  full() {
    const runs = (this.progress?.runs ?? []).filter((one) => one.state !== "ended");
    return html`<div class="stack">
      ${this.states()}
      ${runs.map((run) => this.run(run))}
      <div class="grid">
        ${runs.length ? html`<section class="card"><h2>Frames a second</h2><div class="plot pace"></div></section>` : nothing}
        <section class="card"><h2>What happened</h2>${this.news.length ? html`<ul class="news">${this.news.map((one) => html`<li><span class="soft tiny">${new Date(one.at).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", second: "2-digit" })}</span>
          <span class="wrap">${one.video_id ? html`<a href=${`/videos/${encodeURIComponent(one.video_id)}`}>${one.video_id}</a> ` : nothing}${one.pipeline ? `${pipelineName(one.pipeline)} ` : ""}${one.name}</span></li>`)}</ul>` : html`<p class="soft">News of videos appear here while this page is open.</p>`}</section>
      </div>
      ${this.table()}
    </div>`;
  }

  states() {
    const counts = this.progress?.videos ?? this.videos.facets?.status ?? {}, all = Object.values(counts).reduce((sum, one) => sum + one, 0);
    const known = STATES.filter(([state]) => counts[state]);
    return html`<section class="card" aria-label="Videos by state">${meter(known.map(([state, kind]) => ({ name: state, kind, share: counts[state] / Math.max(1, all) })))}
      <div class="row states">${STATES.filter(([state]) => counts[state] || ["completed", "failed"].includes(state)).map(([state]) => html`<a class="state" href=${address(state === "failed" ? "/errors" : "/videos", state === "failed" ? {} : { status: state })}>
        <b>${count(counts[state] ?? 0)}</b> ${state}</a>`)}</div></section>`;
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
        ${tile("Time left", run.eta_s === null ? "–" : clock(run.eta_s), "", run.eta_s === null ? "not known yet" : `about ${new Date(Date.now() + 1000 * run.eta_s).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit" })}`)}
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
