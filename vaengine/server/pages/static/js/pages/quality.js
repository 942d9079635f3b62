// What stands out among the results: rates of each configuration, videos that differ, empty results, drift.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get } from "/static/js/api.js";
import { empty, histogram, loading, meter, pageHead } from "/static/js/parts.js";
import { count, counted, fixed, pipelineName, share } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { View } from "/static/js/view.js";

const LISTED = 50;
const COUNTING_MS = 500; // between requests while results are counted
const KINDS = {
  person_detection: "Boxes of persons", person_track: "Tracks of persons", face_detection: "Boxes of faces", face_identity: "Faces",
  audio_event: "Sounds", speech: "Speech", voice_activity: "Voice", speaker: "Speakers", word: "Words", scene: "Scenes",
};

export async function mount(host, context) {
  const page = new Quality(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 5000), context.signal);
  await page.reload();
}

class Quality extends View {
  figures = null;
  distributions = null;

  async reload() {
    await this.load(async () => ({ figures: await get("/api/quality", { signal: this.signal }) }));
    await this.count();
  }

  // The server counts for about a second in each request; the picture grows meanwhile.
  async count() {
    if (this.isCounting) return;
    this.isCounting = true;
    do {
      await this.load(async () => ({ distributions: await get("/api/quality/distributions", { signal: this.signal }) }));
      if (this.isCounted || this.error) break;
      await new Promise((resolve) => setTimeout(resolve, COUNTING_MS));
    } while (!this.signal.aborted);
    this.isCounting = false;
  }

  get isCounted() { return this.distributions && this.distributions.counted >= this.distributions.results; }

  view() {
    const { figures } = this;
    return html`${pageHead("Quality", "Annotations in a minute of video, and what differs from the rest")}
      ${figures === null ? loading : figures.rates.length ? html`<div class="stack">${this.rates()}${this.confidences()}<div class="grid">${this.tracks()}${this.outliers()}${this.empties()}${this.drift()}${this.warnings()}</div></div>`
        : html`<div class="card">${empty("chart", "No results to compare yet", "As soon as videos are done, this page shows which of them differ from the others.")}</div>`}`;
  }

  rates() {
    const { rates } = this.figures;
    return html`<section class="card flush scroll-x" aria-label="Rates" tabindex="0"><table>
      <thead><tr><th>Pipeline</th><th>Preset and model</th><th class="num">Results</th><th class="num">Empty</th><th class="num">Lower quarter</th><th class="num">Median a minute</th><th class="num">Upper quarter</th><th class="spread">Spread</th></tr></thead>
      <tbody>${rates.map((one) => this.rate(one, Math.max(...rates.filter((other) => other.pipeline === one.pipeline).map((other) => other.quartiles[2]), 1e-9)))}</tbody></table></section>`;
  }

  rate(one, most) {
    const [low, middle, high] = one.quartiles, at = (value) => 100 * value / most;
    return html`<tr><td><b>${pipelineName(one.pipeline)}</b></td><td class="soft wrap">${[one.preset, one.model].filter(Boolean).join(", ") || "–"}</td>
      <td class="num">${count(one.results)}</td><td class="num">${count(one.empty)} <span class="soft tiny">${one.empty ? share(one.empty / one.results) : nothing}</span></td>
      <td class="num">${rate(low)}</td><td class="num"><b>${rate(middle)}</b></td><td class="num">${rate(high)}</td>
      <td class="spread"><span class="quartiles" role="img" aria-label=${`From ${fixed(low)} to ${fixed(high)}, median ${fixed(middle)}`}><i .style=${`left:${at(low)}%;width:${Math.max(1, at(high) - at(low))}%`}></i><b .style=${`left:${at(middle)}%`}></b></span></td></tr>`;
  }

  confidences() {
    const { distributions } = this;
    if (!distributions?.confidences.length) return nothing;
    return html`<section class="card" aria-label="Confidence"><div class="card-head"><h2>Confidence</h2>${this.counted()}</div>
      <div class="histograms">${distributions.confidences.map((one) => this.confidence(one))}</div></section>`;
  }

  confidence({ pipeline, annotation_type, counts }) {
    const total = counts.reduce((sum, number) => sum + number, 0), step = 1 / counts.length, name = KINDS[annotation_type] ?? annotation_type.replaceAll("_", " ");
    const unsure = counts.reduce((sum, number, i) => sum + ((i + 1) * step <= 0.5 ? number : 0), 0) / total;
    return html`<figure><figcaption class="spread-row small"><span><b>${name}</b></span><span class="soft">${count(total)}</span></figcaption>
      ${histogram(counts, { label: `${name} of ${pipelineName(pipeline)} by confidence: ${share(unsure)} below 0.5`, tell: (number, i) => `${fixed(i * step, 2)} to ${fixed((i + 1) * step, 2)}: ${count(number)}, ${share(number / total)}` })}
      <p class="spread-row tiny soft"><span>0</span><span>${share(unsure)} below 0.5</span><span>1</span></p></figure>`;
  }

  // How far the counting is, where it is under way.
  counted() {
    const { counted: done, results } = this.distributions;
    return this.isCounted ? html`<span class="small soft">of the models, in ${counted(results, "result")}</span>`
      : html`<span class="small soft" role="status">${count(done)} of ${counted(results, "result")} are counted</span>`;
  }

  tracks() {
    const numbers = this.distributions?.tracks_per_person ?? [], persons = numbers.reduce((sum, number) => sum + number, 0);
    return this.list("Tracks of a person", persons ? counted(persons, "person") : "", persons ? html`<ul class="stack tight">${numbers.map((number, i) => html`<li>
        <p class="spread-row small"><span>${counted(i + 1, "track")}${i === numbers.length - 1 ? " and more" : ""}</span><span class="soft">${count(number)}</span></p>${meter([{ name: counted(i + 1, "track"), share: number / persons }])}</li>`)}</ul>
      <p class="soft small above">Of those who are known by a face, in one video. Many tracks mean that the tracker lost them and found them again.</p>`
      : html`<p class="soft">No face was seen at a track yet.</p>`);
  }

  list(title, about, rows) {
    return html`<section class="card"><div class="card-head"><h2>${title}</h2><span class="small soft">${about}</span></div>${rows}</section>`;
  }

  outliers() {
    const { outliers } = this.figures;
    return this.list("Unlike the others", counted(outliers.length, "result"), outliers.length ? html`<ul class="lines">${outliers.slice(0, LISTED).map((one) => html`<li><a class="wrap" href=${`/videos/${encodeURIComponent(one.video_id)}`}>${one.name}</a>
      <span class="soft small">${pipelineName(one.pipeline)} · ${fixed(one.per_minute)} a minute${one.ratio === null ? "" : `, ${fixed(one.ratio, one.ratio < 10 ? 1 : 0)} × the median`}</span></li>`)}</ul>` : html`<p class="soft">None: or there are fewer than eight results to compare.</p>`);
  }

  empties() {
    const { empty: found } = this.figures;
    return this.list("Empty results", counted(found.length, "result"), found.length ? html`<ul class="lines">${found.slice(0, LISTED).map(([id, pipeline]) => html`<li><a class="wrap" href=${`/videos/${encodeURIComponent(id)}`}>${id}</a><span class="soft small">${pipelineName(pipeline)}</span></li>`)}</ul>` : html`<p class="soft">Every pipeline found something in every video.</p>`);
  }

  drift() {
    const { drift } = this.figures;
    return this.list("Drift", "between configurations", drift.length ? html`<ul class="lines">${drift.map((one) => html`<li><span>${pipelineName(one.pipeline)}: median ${fixed(one.before_median)} → ${fixed(one.after_median)}</span>
      <span class="soft small">${one.change === null ? nothing : `${one.change > 0 ? "+" : "−"}${share(Math.abs(one.change))} · `}<span class="mono">${one.before.slice(0, 8)} → ${one.after.slice(0, 8)}</span></span></li>`)}</ul>` : html`<p class="soft">There is one configuration of each pipeline, so nothing to compare.</p>`);
  }

  warnings() {
    const found = Object.entries(this.figures.warnings);
    return this.list("Warnings", found.length ? "by pipeline" : "", found.length ? html`<ul class="lines">${found.map(([name, number]) => html`<li><a href=${address("/videos", { warning: "true", pipeline: name })}>${pipelineName(name)}</a><span class="soft small">${counted(number, "result")}</span></li>`)}</ul>` : html`<p class="soft">No result came with a warning.</p>`);
  }
}

const rate = (number) => (number < 1000 ? fixed(number) : count(number));
