// People of the collection: contact sheets, names, merging and splitting.
import { html, nothing } from "/static/vendor/lit-html.js";
import { icon } from "/static/js/icons.js";
import { attempt, notify } from "/static/js/notices.js";
import { empty, face, loading, pageHead } from "/static/js/parts.js";
import { counted } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import * as people from "/static/js/people_api.js";
import { View } from "/static/js/view.js";

const CALM_MS = 5000;

export async function mount(host, context) {
  const page = new People(host, context);
  page.update();
  live.on(["jobs", "reset"], page.calmly(() => page.reload(), CALM_MS), context.signal);
  await page.reload();
}

class People extends View {
  everybody = null;
  unnamed = null;
  sheets = new Map(); // by person id: portraits
  merging = null; // the person that another one is to be merged into
  splitting = null; // the person whose pictures are chosen
  parts = new Set();
  text = "";

  // What is typed and chosen stays; pictures are fetched of whom something has changed.
  async reload() {
    const before = new Map((this.everybody ?? []).map((one) => [one.person_id, JSON.stringify(one)]));
    await this.load(async () => ({ everybody: await people.everybody({ signal: this.signal }) }));
    await this.load(async () => ({ unnamed: await people.unnamed({ signal: this.signal }) }));
    for (const person of this.everybody ?? []) {
      if (this.signal.aborted) return;
      if (this.sheets.has(person.person_id) && before.get(person.person_id) === JSON.stringify(person)) continue;
      const sheet = await attempt(() => people.portraitsOf(person.person_id, { signal: this.signal }));
      if (sheet) this.sheets.set(person.person_id, sheet.portraits);
      this.update();
    }
  }

  async edit(work) {
    const done = await attempt(work);
    if (!done) return;
    notify(done.text, { action: { name: "Undo", run: () => this.undo() } });
    this.update({ merging: null, splitting: null, parts: new Set() });
    await this.reload();
  }

  async undo() {
    const done = await attempt(() => people.undoEdit());
    if (done) { notify(done.text); await this.reload(); }
  }

  view() {
    const named = (this.everybody ?? []).filter((one) => (one.name ?? one.person_id).toLowerCase().includes(this.text));
    return html`
      ${pageHead("People", this.everybody ? counted(this.everybody.length, "person", "persons") : "", html`
        <input type="search" placeholder="Name" aria-label="Find a name" @input=${(event) => this.update({ text: event.target.value.trim().toLowerCase() })}>
        <button @click=${() => this.undo()}>${icon("undo")}Undo</button>`)}
      <div class="stack">
        ${this.everybody === null ? loading : named.length ? named.map((one) => this.person(one)) : html`<div class="card">${this.text ? empty("search", "Nobody has such a name", "Type less of it.")
          : empty("person", "Nobody has a name yet", html`Open a video, choose somebody and give a name. <code>vaengine identities build</code> finds who is in several videos.`)}</div>`}
        ${this.unnamed?.length ? html`<h2 class="above">Seen in the collection, without a name</h2>${this.unnamed.map((one) => this.identity(one))}` : nothing}
      </div>`;
  }

  person(one) {
    const portraits = this.sheets.get(one.person_id), isSplit = this.splitting === one.person_id;
    const labels = one.videos.reduce((sum, video) => sum + video.tracks.length + video.faces.length + video.speakers.length, 0);
    return html`<section class="card sheet" aria-label=${one.name ?? one.person_id}>
      <div class="card-head"><div><h2>${one.name ?? "No name"}</h2><p class="small soft">${counted(one.videos.length, "video")} · ${counted(labels, "track, face or voice", "tracks, faces and voices")}${one.not_found.length ? ` · ${counted(one.not_found.length, "reference")} not found` : ""}</p></div>
        ${this.buttons(one, isSplit)}</div>
      ${isSplit ? html`<p class="small soft">Choose what is not ${one.name ?? "this person"}.</p>` : nothing}
      <div class="faces">${portraits === undefined ? this.blanks() : portraits.length ? portraits.map((portrait) => (isSplit ? this.choice(portrait) : face(portrait, one.name ?? "Somebody"))) : html`<span class="small soft">No pictures.</span>`}</div>
    </section>`;
  }

  blanks() { return [1, 2, 3, 4].map(() => html`<span class="face"></span>`); }

  buttons(one, isSplit) {
    if (isSplit) return html`<form class="row" @submit=${(event) => { event.preventDefault(); this.edit(() => people.splitPerson(one.person_id, [...this.parts], event.target.elements.name.value.trim() || null)); }}>
      <input name="name" placeholder="Name, if known" aria-label="Name of who it is" maxlength="100"><button class="main" ?disabled=${!this.parts.size}>Take away</button><button type="button" @click=${() => this.update({ splitting: null, parts: new Set() })}>Cancel</button></form>`;
    if (this.merging && this.merging.person_id !== one.person_id) return html`<button class="main" @click=${() => this.edit(() => people.mergePersons(this.merging.person_id, one.person_id))}>Is ${this.merging.name ?? "the same"}</button>`;
    if (this.merging) return html`<div class="row"><span class="small soft">Who else is this?</span><button @click=${() => this.update({ merging: null })}>Cancel</button></div>`;
    return html`<div class="row">${this.naming(one.person_id, one.name ?? "", one.name ? "Rename" : "Name")}
      <button @click=${() => this.update({ merging: one })}>Merge…</button><button @click=${() => this.update({ splitting: one.person_id, parts: new Set() })}>Split…</button>
      <a class="button" href=${`/search?find=person&person=${encodeURIComponent(one.name ?? one.person_id)}`}>${icon("search")}Find</a></div>`;
  }

  naming(target, name, verb) {
    return html`<form class="row" @submit=${(event) => { event.preventDefault(); const given = event.target.elements.name.value.trim(); if (given && given !== name) this.edit(() => people.namePerson(target, given)); }}>
      <input name="name" .value=${name} placeholder="Name" aria-label=${`Name of ${name || target}`} maxlength="100" size="14"><button>${verb}</button></form>`;
  }

  choice(portrait) {
    const part = `${portrait.video_id}:${portrait.label}`, isChosen = this.parts.has(part);
    const change = () => { if (!this.parts.delete(part)) this.parts.add(part); this.update(); };
    return html`<label class="face choice">${face(portrait, portrait.label)}<input type="checkbox" aria-label=${`${portrait.label} of ${portrait.video_id}`} .checked=${isChosen} @change=${change}></label>`;
  }

  identity(sheet) {
    return html`<section class="card sheet" aria-label=${sheet.target}><div class="card-head"><div><h2>${sheet.target}</h2><p class="small soft">${sheet.about}</p></div>${this.naming(sheet.target, "", "Name")}</div>
      <div class="faces">${sheet.portraits.map((portrait) => face(portrait, sheet.target))}</div></section>`;
  }
}
