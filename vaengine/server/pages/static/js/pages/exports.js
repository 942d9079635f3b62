// Exports: results as files of other programs, made by the server and fetched as one archive.
import { html, nothing } from "/static/vendor/lit-html.js";
import { get, post } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, pageHead } from "/static/js/parts.js";
import { ago, bytesText, counted } from "/static/js/format.js";
import { View } from "/static/js/view.js";

const LOOK_MS = 1500; // while one is written
const SOURCES = [["machine", "what models found"], ["corrected", "people's where they corrected, else models'"], ["human", "what people made alone"]];
const STAGES = { waiting: "", writing: "busy", ready: "good", failed: "bad" };

export async function mount(host, context) {
  const page = new Exports(host, context);
  page.update();
  await page.load(async () => {
    const [formats, found] = await Promise.all([get("/api/exports/formats", { signal: page.signal }), get("/api/exports", { signal: page.signal })]);
    return { formats, found };
  });
  page.follow();
}

class Exports extends View {
  formats = null;
  found = null;
  form = { format: "csv", source: "machine", batch: "", interpolate: false };

  // Looks again as long as something is on its way.
  follow() {
    if (this.signal.aborted || !this.found?.some((one) => one.stage === "waiting" || one.stage === "writing")) return;
    setTimeout(async () => {
      if (this.signal.aborted) return;
      await this.load(async () => ({ found: await get("/api/exports", { signal: this.signal }) }));
      this.follow();
    }, LOOK_MS);
  }

  async begin(event) {
    event.preventDefault();
    const { batch, ...wanted } = this.form;
    const begun = await attempt(() => post("/api/exports", { ...wanted, ...(batch.trim() ? { batch: batch.trim() } : {}) }));
    if (!begun) return;
    notify(`${begun.format} of ${begun.selection} is on its way`);
    await this.load(async () => ({ found: await get("/api/exports", { signal: this.signal }) }));
    this.follow();
  }

  view() {
    return html`${pageHead("Exports", "Results as files of other programs")}
      ${this.formats === null ? loading : html`<div class="stack">${this.order()}${this.list()}</div>`}`;
  }

  order() {
    const { form } = this, set = (name, of = "value") => (event) => { form[name] = event.target[of]; this.update(); };
    const chosen = this.formats.find((one) => one.name === form.format);
    return html`<section class="card stack tight" aria-label="New export"><form class="builder" @submit=${(event) => this.begin(event)}>
      <label class="field">Format<select @change=${set("format")}>${this.formats.map((one) => html`<option value=${one.name} ?selected=${one.name === form.format}>${one.name}</option>`)}</select></label>
      <label class="field">Whose rows<select @change=${set("source")}>${SOURCES.map(([value, text]) => html`<option value=${value} ?selected=${value === form.source}>${text}</option>`)}</select></label>
      <label class="field">Batch<input placeholder="all videos" .value=${form.batch} @input=${set("batch")} autocomplete="off"></label>
      <label class="tick"><input type="checkbox" .checked=${form.interpolate} @change=${set("interpolate", "checked")}>boxes between sampled frames</label>
      <button class="main">Export</button></form>
      <p class="small soft">${chosen ? `Opened by ${chosen.opened_by}.` : nothing}</p></section>`;
  }

  list() {
    const { found } = this;
    if (!found.length) return html`<div class="card">${empty("film", "Nothing was exported yet", "An export is kept beside the results until somebody removes its folder.")}</div>`;
    return html`<section class="card flush scroll-x" aria-label="Exports" tabindex="0"><table><thead><tr><th>Export</th><th>State</th><th>Of</th><th class="num">Rows</th><th class="num">Files</th><th class="num">Size</th><th></th></tr></thead><tbody>
      ${found.map((one) => html`<tr><td><b>${one.format}</b> <span class="tiny soft">${one.made_at ? ago(one.made_at) : one.export_id}</span></td>
        <td><span class="badge ${STAGES[one.stage]}">${one.stage}</span> ${one.message ? html`<span class="small wrap">${one.message}</span>` : nothing}</td>
        <td class="wrap">${one.selection}${one.source === "machine" ? nothing : html` <span class="badge">${one.source}</span>`}${one.losses.length ? html`<details><summary class="small">${counted(one.losses.length, "thing")} left out</summary><ul class="small">${one.losses.map((line) => html`<li>${line}</li>`)}</ul></details>` : nothing}</td>
        <td class="num">${one.rows.toLocaleString("en")}</td><td class="num">${one.files.toLocaleString("en")}</td><td class="num">${one.stage === "ready" ? bytesText(one.size_bytes) : "–"}</td>
        <td>${one.stage === "ready" ? html`<a href=${`/api/exports/${encodeURIComponent(one.export_id)}/archive`} download>Download</a>` : nothing}</td></tr>`)}</tbody></table></section>`;
  }
}
