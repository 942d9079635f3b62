// Search: who, in which relation, to what, within how many seconds; what is said; a document; a picture.
import { html, nothing } from "/static/vendor/lit-html.js";
import { address, get, post, upload } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, loading, pageHead, reviewAddress, thumb } from "/static/js/parts.js";
import { clock, counted, duration, fixed } from "/static/js/format.js";
import { View } from "/static/js/view.js";

const MODES = [["builder", "Who and what"], ["saying", "What is said"], ["document", "Document"], ["picture", "Picture"]];
const KINDS = ["person", "face", "identity", "speaker", "scene", "speech", "word", "sound", "voice", "box"];
const RELATIONS = [["", "– alone –"], ["near", "is near"], ["before", "comes before"], ["after", "comes after"], ["overlaps", "overlaps"], ["during", "is during"], ["contains", "contains"]];
const MEASURED = new Set(["near", "before", "after"]);
const REGIONS = ["top-left", "top-right", "bottom-left", "bottom-right", "left", "right", "top", "bottom", "middle"];
const VALUE = { person: "person", face: "person", identity: "person", speaker: "person", box: "person", sound: "label", speech: "said", word: "said" };
const ASKS = { person: "name, or person_0001", label: "such as laughter", said: "words" };
const PAGE = 60;
const LONGEST_SIDE = 1024; // pixels of a picture that is sent

export async function mount(host, context) {
  const page = new Search(host, context);
  page.update();
  page.load(async () => ({ facets: await get("/api/facets", { signal: context.signal }) }));
  await page.begin();
}

class Search extends View {
  mode = "builder";
  form = { kind: "person", value: "", region: "", relation: "", toKind: "speech", toValue: "", within: "5", min: "" };
  said = "";
  documentText = '{\n  "find": {"kind": "scene"},\n  "where": [{"count": {"kind": "person"}, "gt": 3}]\n}';
  facets = [];
  found = null;
  busy = false;

  async begin() {
    const given = this.query.get("doc"), find = this.query.get("find");
    if (given) {
      this.documentText = given;
      this.mode = this.query.get("mode") ?? "document";
      await this.ask(JSON.parse(given), false);
    } else if (find) {
      this.form = { ...this.form, kind: find, value: this.query.get("person") ?? "" };
      await this.ask(this.built);
    }
  }

  get built() {
    const { form } = this, selector = (kind, value) => (value.trim() && VALUE[kind] ? { kind, [VALUE[kind]]: value.trim() } : { kind });
    const find = selector(form.kind, form.value);
    if (form.region && ["face", "box"].includes(form.kind)) find.region = form.region;
    if (Number(form.min) > 0) find.min_s = Number(form.min);
    if (!form.relation) return { find };
    const within = MEASURED.has(form.relation) && form.within !== "" ? { within_s: Number(form.within) } : {};
    return { find, steps: [{ relation: form.relation, to: selector(form.toKind, form.toValue), ...within }] };
  }

  async ask(document, isNew = true) {
    if (isNew) history.replaceState(null, "", address("/search", { doc: JSON.stringify(document), mode: this.mode }));
    this.asked = document;
    this.update({ busy: true, why: null });
    await this.load(async () => ({ found: await post("/api/query", { limit: PAGE, ...document }, { signal: this.signal }) }));
    this.update({ busy: false });
    if (!this.error && this.found && !this.found.matches.length) {
      this.update({ why: await attempt(() => post("/api/query/explain", document, { signal: this.signal })) });
    }
  }

  async more() {
    const next = await attempt(() => post("/api/query", { limit: PAGE, ...this.asked, page: this.found.next_page }, { signal: this.signal }));
    if (next) this.update({ found: { ...next, matches: [...this.found.matches, ...next.matches] } });
  }

  askDocument() {
    let document;
    try { document = JSON.parse(this.documentText); } catch (error) { notify(new Error(`this is no JSON: ${error.message}`)); return; }
    this.ask(document);
  }

  async askPicture(file) {
    if (!file) return;
    if (!file.type.startsWith("image/")) { notify(new Error(`${file.name} is no picture`)); return; }
    this.update({ busy: true, pictureName: file.name, why: null });
    await this.load(async () => {
      const matches = await upload("/api/similar/picture", await shrunk(file), { signal: this.signal, headers: { "content-type": "image/jpeg" } });
      return { found: { matches, notes: [], next_page: null } };
    });
    this.update({ busy: false });
  }

  view() {
    return html`${pageHead("Search", "Moments of the whole collection")}
      <div class="stack">
        <section class="card" aria-label="Question">
          <div class="segments modes" role="group" aria-label="Way to ask">${MODES.map(([name, title]) => html`<button aria-pressed=${this.mode === name ? "true" : "false"} @click=${() => this.update({ mode: name })}>${title}</button>`)}</div>
          ${this[this.mode]()}
        </section>
        ${this.busy ? loading : this.found ? this.answers() : html`<div class="card">${empty("search", "Ask the collection", html`Such as: Anna within 5 seconds of laughter; faces at the top left; scenes with more than three people.`)}</div>`}
      </div>`;
  }

  builder() {
    const { form } = this, set = (name) => (event) => { form[name] = event.target.value; this.update(); };
    const pick = (name, title, values) => html`<label class="field">${title}<select @change=${set(name)}>${values.map(([value, text]) => html`<option value=${value} ?selected=${form[name] === value}>${text}</option>`)}</select></label>`;
    const kinds = KINDS.map((kind) => [kind, kind]);
    return html`<form class="builder" @submit=${(event) => { event.preventDefault(); this.ask(this.built); }}>
      ${pick("kind", "Who or what", kinds)}${this.value("value", form.kind, "Which", set)}
      ${["face", "box"].includes(form.kind) ? pick("region", "Where", [["", "anywhere"], ...REGIONS.map((one) => [one, one])]) : nothing}
      ${pick("relation", "Relation", RELATIONS)}
      ${form.relation ? html`${pick("toKind", "To what", kinds)}${this.value("toValue", form.toKind, "Which", set)}` : nothing}
      ${MEASURED.has(form.relation) ? html`<label class="field">Within seconds<input type="number" min="0" step="any" .value=${form.within} @input=${set("within")} ?required=${form.relation === "near"}></label>` : nothing}
      <button class="main">Find</button></form>`;
  }

  value(name, kind, title, set) {
    const filter = VALUE[kind];
    if (!filter) return nothing;
    const facet = { person: "person", label: "sound" }[filter];
    const known = this.facets.filter((one) => one.facet === facet).map((one) => one.value);
    return html`<label class="field">${title}<input list=${`known-${name}`} placeholder=${ASKS[filter]} .value=${this.form[name]} @input=${set(name)} autocomplete="off"></label>
      <datalist id=${`known-${name}`}>${known.map((one) => html`<option value=${one}></option>`)}</datalist>`;
  }

  saying() {
    return html`<form class="row" @submit=${(event) => { event.preventDefault(); this.ask({ find: { kind: "speech", said: this.said.trim() } }); }}>
      <input class="wide" type="search" aria-label="Words that are said" placeholder='good morning, laugh*, "new jersey"' .value=${this.said} @input=${(event) => { this.said = event.target.value; }} required><button class="main">Find</button></form>
      <p class="small soft">Whole words, in this order, in any case. A star stands for any ending.</p>`;
  }

  document() {
    return html`<form class="stack" @submit=${(event) => { event.preventDefault(); this.askDocument(); }}>
      <label class="field">The query document, JSON<textarea rows="9" spellcheck="false" .value=${this.documentText} @input=${(event) => { this.documentText = event.target.value; }}></textarea></label>
      <div class="row"><button class="main">Find</button><button type="button" @click=${() => this.update({ documentText: JSON.stringify(this.built, null, 2) })}>Take from the builder</button><a href="/api/query/schema">Its schema</a></div></form>`;
  }

  picture() {
    const drop = (event) => { event.preventDefault(); event.currentTarget.classList.remove("over"); this.askPicture(event.dataTransfer.files[0]); };
    return html`<div class="drop" @dragover=${(event) => { event.preventDefault(); event.currentTarget.classList.add("over"); }} @dragleave=${(event) => event.currentTarget.classList.remove("over")} @drop=${drop}>
      <p>${this.pictureName ? `Like ${this.pictureName}` : "Drop a picture of a face here"}, or <label class="choose"><input type="file" accept="image/*" class="hidden-text" @change=${(event) => this.askPicture(event.target.files[0])}><span>choose a file</span></label></p></div>`;
  }

  answers() {
    const { matches, notes, next_page: next } = this.found;
    if (!matches.length) return html`<div class="card">${empty("search", "Nothing was found", "Make the distance longer, or take a condition away.")}${this.why ? html`<pre class="trace">${this.why.join("\n")}</pre>` : nothing}</div>`;
    const videos = new Set(matches.map((one) => one.video_id)).size;
    return html`<p class="soft" role="status">${counted(matches.length, "moment")}${next ? " and more" : ""} in ${counted(videos, "video")}${notes.length ? html` · ${notes.join(" · ")}` : nothing}</p>
      <div class="moments">${matches.map((one) => this.moment(one))}</div>
      ${next ? html`<p><button @click=${() => this.more()}>More</button></p>` : nothing}`;
  }

  moment(one) {
    const middle = (one.start_s + one.end_s) / 2, length = one.end_s - one.start_s;
    return html`<a class="moment" href=${reviewAddress(one.video_id, one.start_s, length > 0.05 ? one.end_s : null)}>
      ${thumb(one.video_id, middle, { width: 400, corner: length > 0.05 ? `${clock(one.start_s)} – ${clock(one.end_s)}` : clock(one.start_s, 1) })}
      <span><strong class="cut-2">${one.why || "found"}</strong><span class="small soft wrap">${one.path.split("/").pop()} ${length > 0.05 ? ` · ${duration(length)}` : ""}${one.score === null ? "" : ` · ${fixed(one.score, 2)}`}</span></span></a>`;
  }
}

async function shrunk(file) {
  const image = await createImageBitmap(file).catch(() => { throw new Error(`${file.name} cannot be read as a picture`); });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}
