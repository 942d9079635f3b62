// What failed, grouped by its cause, with what a person can do about it.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get, post, videoPath } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, pageHead } from "/static/js/parts.js";
import { ago, counted, instant, pipelineName } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { View } from "/static/js/view.js";

const MOST = 2000; // failed videos that are looked at
const SHOWN = 8; // names of videos of a group

export async function mount(host, context) {
  const page = new Errors(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 2000), context.signal);
  await page.reload();
}

class Errors extends View {
  groups = null;
  total = 0;
  traces = new Map();

  reload() {
    return this.load(async () => {
      const failed = [];
      let page = null, total = 0;
      do {
        const list = await get(address("/api/videos", { status: "failed", sort: "completed", descending: true, limit: 500, page }), { signal: this.signal });
        failed.push(...list.videos);
        [page, total] = [list.next_page, list.total];
      } while (page && failed.length < MOST);
      return { groups: grouped(failed), total };
    });
  }

  async act(group, action) {
    const done = await attempt(() => post("/api/videos/actions", { action, video_ids: group.videos.map((video) => video.video_id) }));
    if (!done) return;
    notify([`${action === "retry" ? "to be tried again" : action}: ${counted(done.job_ids.length, "video")}`, ...done.notes].join("; "));
    await this.reload();
  }

  async openTrace(group) {
    if (this.traces.has(group.key)) return;
    const log = await attempt(() => get(videoPath(group.videos[0].video_id, "/log"), { signal: this.signal }));
    const last = log?.findLast((line) => line.detail);
    this.traces.set(group.key, last?.detail ?? "No traceback was kept: this was known before anything was decoded.");
    this.update();
  }

  view() {
    const { groups } = this;
    return html`${pageHead("Errors", groups ? `${counted(this.total, "failed video")}, ${counted(groups.length, "cause")}` : "")}
      ${groups === null ? loading : groups.length ? html`<div class="stack">${groups.map((group) => this.group(group))}</div>`
        : html`<div class="card">${empty("check", "Nothing has failed", "What fails is listed here by its cause, and can be tried again.")}</div>`}`;
  }

  group(group) {
    return html`<section class="card" aria-label=${group.title}>
      <div class="card-head"><div><h2 class="wrap">${group.title}</h2>
        <p class="small soft">${group.kind ? html`<span class="badge bad">${group.kind}</span> ` : nothing}${counted(group.videos.length, "video")} · ${group.pipelines.map(pipelineName).join(", ")} · first ${ago(group.first)}, last ${ago(group.last)}${group.retries ? ` · tried again ${counted(group.retries, "time")}` : ""}</p></div>
        <div class="row"><button @click=${() => this.act(group, "retry")}>Retry</button>
          ${group.kind === "poisoned" ? html`<button title="They ended their process each time: release them to try again" @click=${() => this.act(group, "release")}>Release</button>` : html`<button title="Do not try these again" @click=${() => this.act(group, "cancel")}>Leave alone</button>`}</div></div>
      <ul class="row small">${group.videos.slice(0, SHOWN).map((video) => html`<li class="wrap"><a href=${address("/videos", { text: video.name })}>${video.name}</a></li>`)}
        ${group.videos.length > SHOWN ? html`<li class="soft">and ${group.videos.length - SHOWN} more</li>` : nothing}</ul>
      <details @toggle=${(event) => { if (event.target.open) this.openTrace(group); }}><summary class="small">Traceback</summary><pre class="trace">${this.traces.get(group.key) ?? "…"}</pre></details>
    </section>`;
  }
}

// Videos by the kind of failure and its message, without what differs from file to file.
function grouped(videos) {
  const groups = new Map();
  for (const video of videos) {
    const failures = Object.entries(video.pipelines).filter(([, state]) => state.error_message);
    const message = (failures[0]?.[1].error_message ?? video.error_message ?? "no reason was given");
    const kind = failures[0]?.[1].failure_kind ?? video.failure_kind;
    const title = message.replaceAll(video.path, "").replaceAll(video.name, "").replace(/^[:\s]+/, "") || message;
    const key = `${kind}/${title.replace(/\d+/g, "#")}`;
    const group = groups.get(key) ?? { key, kind, title, videos: [], pipelines: [], retries: 0, first: video.completed_at ?? video.created_at, last: video.completed_at ?? video.created_at };
    const at = video.completed_at ?? video.created_at;
    group.videos.push(video);
    group.retries += video.retry_count;
    group.pipelines = [...new Set([...group.pipelines, ...failures.map(([name]) => name)])];
    if (instant(at) < instant(group.first)) group.first = at;
    if (instant(at) > instant(group.last)) group.last = at;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.videos.length - a.videos.length);
}
