// What failed, grouped by its cause, with what a person can do about it.
import { html, nothing } from "/static/vendor/lit-html.js";
import { get, post, videoPath } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, pageHead } from "/static/js/parts.js";
import { ago, counted, pipelineName, share } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { View } from "/static/js/view.js";

const SHOWN = 8; // names of videos of a group
const DONE = { retry: "will be tried again", release: "will be tried again", quarantine: "in quarantine" };

export async function mount(host, context) {
  const page = new Errors(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 2000), context.signal);
  await page.reload();
}

class Errors extends View {
  found = null;
  traces = new Map();

  reload() {
    return this.load(async () => ({ found: await get("/api/errors", { signal: this.signal }) }));
  }

  async act(group, action) {
    const done = await attempt(() => post("/api/errors/actions", { action, kind: group.kind, cause: group.cause }));
    if (!done) return;
    notify(`${counted(done.jobs, "video")} ${DONE[action]}`);
    await this.reload();
  }

  async openTrace(group) {
    if (this.traces.has(keyOf(group))) return;
    const log = await attempt(() => get(videoPath(group.video_ids[0], "/log"), { signal: this.signal }));
    const last = log?.findLast((line) => line.detail);
    this.traces.set(keyOf(group), last?.detail ?? "No traceback was kept: this was known before anything was decoded.");
    this.update();
  }

  view() {
    const { found } = this, videos = found?.groups.reduce((sum, group) => sum + group.count, 0);
    const retried = found?.retried ? ` · ${counted(found.retried, "video")} tried again, ${share(found.retry_success_rate)} of them with success` : "";
    return html`${pageHead("Errors", found ? `${counted(videos, "failure")}, ${counted(found.groups.length, "cause")}${retried}` : "")}
      ${found === null ? loading : found.groups.length ? html`<div class="stack">${found.groups.map((group) => this.group(group))}</div>`
        : html`<div class="card">${empty("check", "Nothing has failed", "What fails is listed here by its cause, and can be tried again.")}</div>`}`;
  }

  group(group) {
    return html`<section class="card" aria-label=${group.cause}>
      <div class="card-head"><div><h2 class="wrap">${group.cause}</h2>
        <p class="small soft"><span class="badge bad">${group.kind}</span> ${counted(group.count, "video")} · ${group.pipelines.map(pipelineName).join(", ")} · first ${ago(group.first_at)}, last ${ago(group.last_at)}${group.retried ? ` · ${counted(group.retried, "video")} tried again` : ""}</p></div>
        <div class="row">${group.is_quarantined ? html`<span class="badge warn" title="No run and no retry tries these until you release them">in quarantine</span>
          <button title="Have these tried again" @click=${() => this.act(group, "release")}>Release</button>` : html`
          <button title="Have these tried again" @click=${() => this.act(group, "retry")}>Retry</button>
          <button title="No run and no retry tries these until you release them" @click=${() => this.act(group, "quarantine")}>Quarantine</button>`}</div></div>
      <ul class="row small">${group.video_ids.slice(0, SHOWN).map((id) => html`<li class="wrap"><a href=${`/videos/${encodeURIComponent(id)}`}>${id}</a></li>`)}
        ${group.count > SHOWN ? html`<li class="soft">and ${group.count - SHOWN} more</li>` : nothing}</ul>
      <details @toggle=${(event) => { if (event.target.open) this.openTrace(group); }}><summary class="small">Traceback</summary><pre class="trace">${this.traces.get(keyOf(group)) ?? "…"}</pre></details>
    </section>`;
  }
}

const keyOf = (group) => `${group.kind}/${group.cause}`;
