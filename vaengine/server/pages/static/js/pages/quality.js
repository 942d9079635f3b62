// What stands out among the results: rates of each configuration, videos that differ, empty results, drift.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get } from "/static/js/api.js";
import { empty, loading, pageHead } from "/static/js/parts.js";
import { count, counted, fixed, pipelineName, share } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { View } from "/static/js/view.js";

const LISTED = 50;

export async function mount(host, context) {
  const page = new Quality(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), 5000), context.signal);
  await page.reload();
}

class Quality extends View {
  figures = null;

  reload() { return this.load(async () => ({ figures: await get("/api/quality", { signal: this.signal }) })); }

  view() {
    const { figures } = this;
    return html`${pageHead("Quality", "Annotations in a minute of video, and what differs from the rest")}
      ${figures === null ? loading : figures.rates.length ? html`<div class="stack">${this.rates()}<div class="grid">${this.outliers()}${this.empties()}${this.drift()}${this.warnings()}</div></div>`
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
      <td class="num">${count(one.results)}</td><td class="num">${count(one.empty)} <span class="soft tiny">${share(one.empty / Math.max(1, one.results))}</span></td>
      <td class="num">${fixed(low)}</td><td class="num"><b>${fixed(middle)}</b></td><td class="num">${fixed(high)}</td>
      <td class="spread"><span class="quartiles" role="img" aria-label=${`From ${fixed(low)} to ${fixed(high)}, median ${fixed(middle)}`}><i .style=${`left:${at(low)}%;width:${Math.max(1, at(high) - at(low))}%`}></i><b .style=${`left:${at(middle)}%`}></b></span></td></tr>`;
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
