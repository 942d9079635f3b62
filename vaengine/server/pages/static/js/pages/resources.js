// Processors, memory and disks of the machine, now and before; the server keeps the history.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get } from "/static/js/api.js";
import { empty, loading, meter, pageHead } from "/static/js/parts.js";
import { bytesText, fixed } from "/static/js/format.js";
import { plot } from "/static/js/plot.js";
import { View } from "/static/js/view.js";

const EVERY_MS = 10_000;
const SPANS = [[1, "Hour", 60], [24, "Day", 600], [168, "Week", 4 * 3600], [720, "Month", 12 * 3600]]; // and how many seconds without a sample are a gap
const percent = (value) => `${fixed(value, 0)} %`;
const CURVES = [
  { name: "Processors", of: (one) => one.cpu_percent, format: percent, colour: "--plot-1", top: 100 },
  { name: "Memory", of: (one) => one.memory_used, format: bytesText, colour: "--plot-3", isBytes: true },
  { name: "Disk", of: (one) => one.disk_used, format: bytesText, colour: "--plot-2", isBytes: true },
  { name: "Store", of: (one) => one.store_bytes, format: bytesText, colour: "--plot-4", isBytes: true },
];

const COLOURS = ["--plot-1", "--plot-2", "--plot-3", "--plot-4"];

export async function mount(host, context) {
  const page = new Resources(host, context);
  page.update();
  await page.reload();
  const timer = setInterval(() => { if (!document.hidden) page.reload(); }, EVERY_MS);
  context.signal.addEventListener("abort", () => clearInterval(timer));
}

class Resources extends View {
  samples = null;
  hours = 1;
  charts = new Map();

  reload() {
    return this.load(async () => ({ samples: await get(address("/api/resources", { hours: this.hours }), { signal: this.signal }) })).then(() => this.draw());
  }

  get curves() { return CURVES.filter((one) => this.samples?.some((sample) => one.of(sample) !== null)); }

  get nodes() { return [...new Set((this.samples ?? []).map((sample) => sample.node))].sort(); }

  // A curve for each node; another set of nodes gets another chart.
  draw() {
    const nodes = this.nodes, times = this.withGaps([...new Set((this.samples ?? []).map((sample) => sample.at))]);
    for (const one of this.curves) {
      const host = this.host.querySelector(`[data-curve="${one.name}"]`), known = this.charts.get(one.name);
      const data = [times, ...nodes.map((node) => this.values(node, times, one))];
      if (known?.nodes === nodes.join()) { known.chart.update(data); continue; }
      known?.chart.end();
      const series = nodes.map((name, i) => ({ name, colour: nodes.length > 1 ? COLOURS[i % COLOURS.length] : one.colour, fill: nodes.length === 1, hasGaps: nodes.length === 1 }));
      if (host) this.charts.set(one.name, { nodes: nodes.join(), chart: plot(host, { series, data, format: one.format, top: one.top ?? 0, isBytes: one.isBytes, signal: this.signal }) });
    }
  }

  // A time without a value where nobody looked, as while the server was down.
  withGaps(times) {
    const [, , gapS] = SPANS.find(([hours]) => hours === this.hours);
    return times.flatMap((at, i) => (i && at - times[i - 1] > gapS ? [(at + times[i - 1]) / 2, at] : [at]));
  }

  values(node, times, curve) {
    const of = new Map(this.samples.filter((sample) => sample.node === node).map((sample) => [sample.at, curve.of(sample)]));
    return times.map((at) => of.get(at) ?? null);
  }

  view() {
    const { samples } = this, newest = new Map((samples ?? []).map((sample) => [sample.node, sample]));
    return html`${pageHead("Resources", newest.size ? [...newest.keys()].join(", ") : "", html`<div class="segments" role="group" aria-label="Time shown">${SPANS.map(([hours, name]) => html`<button aria-pressed=${this.hours === hours ? "true" : "false"} @click=${() => { this.update({ hours }); this.reload(); }}>${name}</button>`)}</div>`)}
      ${samples === null ? loading : samples.length ? html`<div class="stack"><div class="grid">${[...newest.values()].map((sample) => this.node(sample))}</div>
        ${this.legend()}<div class="grid plots">${this.curves.map((one) => html`<section class="card"><h2>${one.name}</h2><div class="plot" data-curve=${one.name} role="img" aria-label=${`${one.name} over time, now ${one.format(one.of(samples.at(-1)))}`}></div></section>`)}</div></div>`
        : html`<div class="card">${empty("chart", "Nothing was measured yet", "The server looks every ten seconds.")}</div>`}`;
  }

  legend() {
    const { nodes } = this;
    return nodes.length < 2 ? nothing : html`<p class="legend">${nodes.map((node, i) => html`<span><i class="dot colour" .style=${`--colour:var(${COLOURS[i % COLOURS.length]})`}></i>${node}</span>`)}</p>`;
  }

  node(sample) {
    const bar = (name, share, text) => html`<div><p class="spread-row small"><span>${name}</span><span class="soft">${text}</span></p>${meter([{ name, share, kind: share > 0.92 ? "bad" : "" }])}</div>`;
    const size = (name, used, total) => bar(name, used / Math.max(1, total), `${bytesText(used)} of ${bytesText(total)}`);
    return html`<section class="card stack tight" aria-label=${sample.node}><h2>${sample.node}</h2>
      ${bar("Processors", sample.cpu_percent / 100, percent(sample.cpu_percent))}${size("Memory", sample.memory_used, sample.memory_total)}${size("Disk", sample.disk_used, sample.disk_total)}
      ${sample.gpus.map(([busy, used, total], i) => html`${size(`GPU ${i}${busy === null ? "" : `, ${percent(busy)} busy`}`, used, total)}`)}
      ${sample.store_bytes === null ? nothing : html`<p class="spread-row small"><span>Store</span><span class="soft">${bytesText(sample.store_bytes)}</span></p>`}</section>`;
  }
}
