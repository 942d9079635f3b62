// All videos, by pages, with filters; it follows what happens to them.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get, post } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, pageHead, stateBadge, thumb } from "/static/js/parts.js";
import { ago, clock, count, counted, duration, pipelineName } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { View } from "/static/js/view.js";

const PAGE = 100;
const COLUMNS = [["name", "Video"], ["duration", "Length"], ["status", "State"], [null, "Scenes"], [null, "Persons"], [null, "Faces"], [null, "Speech"], ["annotations", "Annotations"], ["completed", "Done"]];
const FILTERS = ["text", "status", "pipeline", "failure", "preset", "batch", "warning"];

export async function mount(host, context) {
  const page = new Videos(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 2000), context.signal);
  await page.reload();
}

class Videos extends View {
  list = null;
  trail = [null]; // tokens of the pages up to this one
  sort = "name";
  descending = false;
  chosen = new Set();

  get filters() { return Object.fromEntries(FILTERS.map((name) => [name, this.query.get(name) ?? ""])); }

  reload() {
    return this.load(async () => ({
      list: await get(address("/api/videos", { ...this.filters, sort: this.sort, descending: this.descending, limit: PAGE, page: this.trail.at(-1) }), { signal: this.signal }),
    }));
  }

  filter(name, value) {
    if (value) this.query.set(name, value); else this.query.delete(name);
    history.replaceState(null, "", address("/videos", Object.fromEntries(this.query)));
    this.trail = [null];
    this.reload();
  }

  sortBy(key) {
    this.descending = this.sort === key ? !this.descending : false;
    this.sort = key;
    this.trail = [null];
    this.reload();
  }

  turn(token) {
    if (token) this.trail.push(token); else this.trail.pop();
    this.reload().then(() => scrollTo(0, 0));
  }

  async act(action) {
    const done = await attempt(() => post("/api/videos/actions", { action, video_ids: [...this.chosen] }));
    if (!done) return;
    notify([counted(done.job_ids.length, "video"), ...done.notes].join("; "));
    this.chosen.clear();
    await this.reload();
  }

  choose(id, isChosen) {
    if (isChosen) this.chosen.add(id); else this.chosen.delete(id);
    this.update();
  }

  view() {
    const { list } = this;
    return html`
      ${pageHead("Videos", list ? counted(list.total, "video") : "", this.chosen.size ? html`<span class="soft">${count(this.chosen.size)} chosen</span>
        ${["retry", "pause", "cancel", "release"].map((action) => html`<button @click=${() => this.act(action)}>${action[0].toUpperCase() + action.slice(1)}</button>`)}` : nothing)}
      <div class="stack">
        <div class="row" role="search" aria-label="Filter videos">
          <input type="search" placeholder="Name or path" aria-label="Name or path" .value=${this.filters.text} @input=${(event) => this.typed(event.target.value)}>
          ${[["status", "Any state"], ["pipeline", "Any pipeline"], ["failure", "Any failure"], ["preset", "Any preset"]].map(([name, any]) => this.select(name, any))}
          <label class="tick"><input type="checkbox" .checked=${Boolean(this.filters.warning)} @change=${(event) => this.filter("warning", event.target.checked ? "true" : "")}>with warnings</label>
        </div>
        ${list === null ? loading : list.videos.length ? this.table() : this.nothingFound()}
        ${this.trail.length > 1 || list?.next_page ? html`<nav class="row" aria-label="Pages of videos">
          <button ?disabled=${this.trail.length < 2} @click=${() => this.turn(null)}>Previous</button><span class="soft">page ${this.trail.length} of ${Math.max(1, Math.ceil((list?.total ?? 0) / PAGE))}</span>
          <button ?disabled=${!list?.next_page} @click=${() => this.turn(list.next_page)}>Next</button></nav>` : nothing}
      </div>`;
  }

  typed(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.filter("text", text.trim()), 200);
  }

  select(name, any) {
    const values = Object.entries(this.list?.facets?.[name] ?? {});
    const chosen = this.filters[name];
    if (values.length < 2 && !chosen) return nothing;
    return html`<select aria-label=${any} @change=${(event) => this.filter(name, event.target.value)}>
      <option value="" ?selected=${!chosen}>${any}</option>
      ${chosen && !values.some(([value]) => value === chosen) ? html`<option value=${chosen} selected>${chosen}</option>` : nothing}
      ${values.map(([value, number]) => html`<option value=${value} ?selected=${value === chosen}>${name === "pipeline" ? pipelineName(value) : value} (${count(number)})</option>`)}</select>`;
  }

  nothingFound() {
    const isFiltered = Object.values(this.filters).some(Boolean);
    return html`<div class="card">${isFiltered ? empty("search", "No video passes these filters", "Take one away, or type less of the name.")
      : empty("film", "No videos yet", html`Annotate some: <code>vaengine run VIDEOS/</code>. They appear here while the run goes on.`)}</div>`;
  }

  table() {
    return html`<div class="card flush scroll-x" tabindex="0" role="region" aria-label="Videos"><table>
      <thead><tr><th><span class="hidden-text">Choose</span></th><th><span class="hidden-text">Picture</span></th>${COLUMNS.map(([key, title], i) => html`<th class=${i && i !== 2 ? "num" : ""} aria-sort=${key && this.sort === key ? (this.descending ? "descending" : "ascending") : nothing}>
        ${key ? html`<button @click=${() => this.sortBy(key)}>${title}</button>` : title}</th>`)}</tr></thead>
      <tbody>${this.list.videos.map((video) => this.row(video))}</tbody></table></div>`;
  }

  row(video) {
    const { found } = video, link = `/videos/${encodeURIComponent(video.video_id)}`;
    const warning = Object.values(video.pipelines).map((one) => one.warning).find(Boolean);
    return html`<tr>
      <td><input type="checkbox" aria-label=${`Choose ${video.name}`} .checked=${this.chosen.has(video.video_id)} @change=${(event) => this.choose(video.video_id, event.target.checked)}></td>
      <td>${video.width ? html`<a href=${link} tabindex="-1" aria-hidden="true">${thumb(video.video_id, null, { width: 192 })}</a>` : html`<span class="thumb"></span>`}</td>
      <td class="wrap name-cell"><a class="cover" href=${link}>${video.name}</a>
        ${video.error_message ?? warning ? html`<div class="small soft clamp" title=${video.error_message ?? warning}>${withoutPath(video, video.error_message ?? warning)}</div>` : nothing}</td>
      <td class="num">${video.duration_s === null ? "–" : clock(video.duration_s)}</td>
      <td>${stateBadge(video.status)}</td>
      <td class="num">${count(found.scenes)}</td><td class="num">${count(found.persons)}</td><td class="num">${count(found.faces || found.face_boxes)}</td>
      <td class="num">${found.speech_s === null ? "–" : duration(found.speech_s || found.voice_s || 0)}</td>
      <td class="num">${count(video.annotations)}</td>
      <td class="num soft nowrap">${ago(video.completed_at)}</td></tr>`;
  }
}

// A message without the path, which is that of the row.
const withoutPath = (video, message) => message.replaceAll(`${video.path}: `, "");
