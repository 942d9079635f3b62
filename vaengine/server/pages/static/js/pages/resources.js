// Processors, memory and disks of the machines at work, now and before.
import { html, nothing } from "/static/vendor/lit-html.js";
import { ApiError, get } from "/static/js/api.js";
import { empty, loading, meter, pageHead } from "/static/js/parts.js";
import { bytesText, count, share } from "/static/js/format.js";
import { plot } from "/static/js/plot.js";
import { View } from "/static/js/view.js";

const EVERY_MS = 5000;

export async function mount(host, context) {
  const page = new Resources(host, context);
  page.update();
  await page.reload();
  const timer = setInterval(() => { if (!document.hidden) page.reload(); }, EVERY_MS);
  context.signal.addEventListener("abort", () => clearInterval(timer));
}

class Resources extends View {
  facts = null;

  reload() {
    return this.load(async () => {
      try {
        return { facts: await get("/api/resources", { signal: this.signal }) };
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return { facts: { nodes: [], history: null } };
        throw error;
      }
    }).then(() => this.draw());
  }

  draw() {
    this.charts ??= new Map();
    const { history } = this.facts ?? {};
    for (const [name, data, options] of history ? curves(history) : []) {
      const host = this.host.querySelector(`[data-curve="${name}"]`);
      if (!host) continue;
      if (this.charts.has(name)) this.charts.get(name).update(data);
      else this.charts.set(name, plot(host, { data, signal: this.signal, ...options }));
    }
  }

  view() {
    const { facts } = this;
    return html`${pageHead("Resources", facts?.nodes.length ? `${count(facts.nodes.length)} ${facts.nodes.length === 1 ? "machine" : "machines"}` : "")}
      ${facts === null ? loading : facts.nodes.length ? html`<div class="stack"><div class="grid">${facts.nodes.map((node) => this.node(node))}</div>
        ${facts.history ? html`<div class="grid">${curves(facts.history).map(([name, , , title]) => html`<section class="card"><h2>${title}</h2><div class="plot" data-curve=${name}></div></section>`)}</div>` : nothing}</div>`
        : html`<div class="card">${empty("chart", "Nothing was measured yet", "While a batch runs, its machines are measured every ten seconds.")}</div>`}`;
  }

  node(node) {
    const bar = (name, used, total) => (total ? html`<div><p class="row small"><span>${name}</span><span class="soft">${bytesText(used)} of ${bytesText(total)}</span></p>${meter([{ name, share: used / total, kind: used / total > 0.9 ? "bad" : "" }])}</div>` : nothing);
    return html`<section class="card stack tight" aria-label=${node.name}><h2>${node.name}</h2>
      <div><p class="row small"><span>Processors</span><span class="soft">${share(node.cpu_share)} of ${count(node.cpus)}</span></p>${meter([{ name: "Processors", share: node.cpu_share ?? 0 }])}</div>
      ${bar("Memory", node.memory_used_bytes, node.memory_bytes)}${bar("Disk", node.disk_used_bytes, node.disk_bytes)}${bar("Object store", node.object_store_used_bytes, node.object_store_bytes)}
      ${(node.gpus ?? []).map((gpu) => html`${bar(gpu.name, gpu.memory_used_bytes, gpu.memory_bytes)}`)}</section>`;
  }
}

const curves = (history) => [
  ["cpu", [history.at, history.cpu_share], { series: [{ name: "Processors", colour: "--plot-1", fill: true }], format: share }, "Processors"],
  ["memory", [history.at, history.memory_used_bytes], { series: [{ name: "Memory", colour: "--plot-3", fill: true }], format: bytesText }, "Memory"],
];
