// Corrections of boxes: deleting and redrawing, in one frame or a stretch. The server carries each one out at once.
import { html, render, nothing } from "/static/vendor/lit-html.js";
import { get, post, videoPath } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { ask } from "/static/js/parts.js";
import { icon } from "/static/js/icons.js";
import { ago, counted, shortName } from "/static/js/format.js";
import { edited } from "/static/js/review/pending.js";

const GRIP = 9; // CSS pixels around a corner
const MIN_SIDE = 2; // displayed pixels of the video
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Corrections {
  draft = null; // { kind, label, at, was, frame, box, scope } while a box is drawn
  pending = []; // edits on their way to the server, in order
  #last = Promise.resolve(); // that was sent
  #waiting = 0; // of those that are sent one after the other
  #refusals = 0;

  constructor(review) {
    this.review = review;
    const options = { signal: review.signal, capture: true };
    addEventListener("keydown", (event) => this.#key(event), options);
    const { canvas } = review.overlay;
    canvas.addEventListener("pointerdown", (event) => this.#grab(event), { signal: review.signal });
    canvas.addEventListener("pointermove", (event) => this.#drag(event), { signal: review.signal });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { this.grip = null; }, { signal: review.signal });
  }

  // What is chosen as it is in this frame: of a person who is not there only who it is.
  get #chosen() {
    const { review } = this, { selected, loose, source } = review.state, seen = review.seen() ?? [];
    if (source !== "corrected") { notify("these are the machine's results: switch to the corrected ones first"); return null; }
    if (loose) return { kind: loose.kind, label: null, at: loose.box, box: loose.box, frame: loose.stored };
    if (!/^(person|face)_/.test(selected ?? "")) { notify("choose a person or a face first: click on a box"); return null; }
    const one = seen.find(({ label }) => label === selected);
    return { kind: selected.split("_")[0], label: selected, box: one?.box ?? null, frame: review.player.frame };
  }

  get isSending() { return this.#waiting > 0; }

  // The sightings of a frame after what is on its way.
  edited(sightings, frame) { return sightings && edited(sightings, frame, this.pending); }

  scopes() {
    const { player, clock } = this.review, { loop, frame } = player;
    return [
      ["frame", "this frame", [frame, frame + 1]],
      ...(loop ? [["loop", `the loop, ${counted(loop.stop - loop.first, "frame")}`, [loop.first, loop.stop]]] : []),
      ["on", "from here on", [frame, clock.length]],
      ["back", "up to here", [0, frame + 1]],
      ["all", "the whole video", [0, clock.length]],
    ];
  }

  // Deletes.

  async remove() {
    this.review.player.video.pause();
    const chosen = this.#chosen;
    if (!chosen) return;
    if (!chosen.label) { await this.#send([{ action: "delete", kind: chosen.kind, first: chosen.frame, at: chosen.at }], "The box is deleted"); return; }
    const form = await ask((dialog) => render(html`<h2>Delete ${this.review.nameOfLabel(chosen.label)}</h2>
      <form method="dialog"><fieldset class="choices"><legend class="soft small">Boxes of</legend>
        ${this.scopes().map(([name, text], i) => html`<label class="tick"><input type="radio" name="scope" value=${name} ?checked=${i === 0} ?autofocus=${i === 0}>${text}</label>`)}</fieldset>
        <div class="actions"><button type="button" @click=${(event) => event.target.closest("dialog").close("")}>Cancel</button><button class="main" value="ok">Delete</button></div></form>`, dialog));
    if (!form) return;
    const [first, stop] = this.scopes().find(([name]) => name === form.scope)[2];
    await this.#send([{ action: "delete", kind: chosen.kind, label: chosen.label, first, stop }], `${this.review.nameOfLabel(chosen.label)}: deleted`);
  }

  // Redraws.

  redraw() {
    this.review.player.video.pause();
    const chosen = this.#chosen;
    if (!chosen) return;
    const { width, height } = this.review.facts;
    this.draft = { ...chosen, was: chosen.box, isThere: chosen.box !== null, shownIn: this.review.player.frame, box: chosen.box ?? [width * 0.4, height * 0.3, width * 0.2, height * 0.4], scope: "frame" };
    this.#show();
    this.review.host.querySelector(".drawing-bar .main")?.focus();
  }

  cancel() {
    this.draft = null;
    this.#show();
  }

  async save() {
    const { kind, label, at, was, frame, box, scope } = this.draft, rounded = box.map((side) => Math.round(side * 100) / 100);
    const [first, stop] = this.scopes().find(([name]) => name === scope)[2];
    const edit = { action: "redraw", kind, label, frame, box: rounded };
    if (!label) edit.at = at;
    else if (scope !== "frame") Object.assign(edit, { first, stop });
    this.cancel();
    await this.#send([edit], `${label ? this.review.nameOfLabel(label) : "The box"}: drawn anew`, was);
  }

  // Takes the newest correction back.
  async undo() {
    this.#unmade();
    if (await this.#sent("/corrections/undo", {})) notify("The correction is taken back");
  }

  async #send(edits, text, was) {
    this.review.made.push("box");
    this.pending.push(...edits.map((edit) => ({ ...edit, was })));
    this.review.drawFrame();
    const done = await this.#sent("/corrections", { edits, annotator: annotator() });
    if (done) notify(text, { action: { name: "Undo", run: () => this.review.undo() } });
    else this.#unmade();
  }

  #unmade() {
    const { made } = this.review, at = made.lastIndexOf("box");
    if (at >= 0) made.splice(at, 1);
  }

  // Resolves to the answer. One is sent after the other, since each is of what the one before it has made.
  async #sent(part, body) {
    const refusals = this.#refusals;
    this.#waiting += 1;
    this.review.render();
    const sent = this.#last.then(() => (refusals === this.#refusals ? this.#posted(part, body) : undefined));
    this.#last = sent;
    const done = await sent;
    this.#waiting -= 1;
    if (!this.#waiting) {
      this.pending = []; // from now on it is in what is read, with what others have changed meanwhile
      await this.review.reread();
    }
    return done;
  }

  // After a refusal those that wait are of what is not there: they are not sent.
  async #posted(part, body) {
    const { facts, id } = this.review;
    const done = await attempt(() => post(videoPath(id, part), { revision: facts.revision, ...body }));
    if (done) facts.revision = done.revision;
    else this.#refusals += 1;
    return done;
  }

  #show() {
    const { overlay } = this.review;
    overlay.draft = this.draft?.box ?? null;
    overlay.canvas.classList.toggle("drawing", this.draft !== null);
    this.review.drawFrame();
    this.review.render();
  }

  // The bar below the picture while a box is drawn.
  bar() {
    if (!this.draft) return nothing;
    const { label, isThere, box, scope } = this.draft, scopes = label && isThere ? this.scopes() : this.scopes().slice(0, 1);
    return html`<section class="drawing-bar card tight" aria-label="Redraw a box">
      <p><b>${label ? this.review.nameOfLabel(label) : "Box of nobody"}</b> <output class="soft small">${box.map((side) => Math.round(side)).join(", ")}</output></p>
      <p class="soft small">Drag the box, a corner, or a new one. Arrows move it by a pixel, with Shift they size it.</p>
      <div class="row"><label class="tick">for <select aria-label="Frames" .value=${scope} @change=${(event) => { this.draft.scope = event.target.value; }}>
          ${scopes.map(([name, text]) => html`<option value=${name} ?selected=${name === scope}>${text}</option>`)}</select></label>
        <button class="main" @click=${() => this.save()}>Save</button>
        <button @click=${() => this.cancel()}>Cancel</button></div></section>`;
  }

  #key(event) {
    if (!this.draft || event.target.closest?.("select, input, dialog")) return;
    const step = ARROWS[event.key];
    if (event.key === "Escape") this.cancel();
    else if (event.key === "Enter" && !event.target.closest?.("button")) this.save();
    else if (step) this.#nudge(step, event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #nudge([dx, dy], isSize) {
    const [left, top, width, height] = this.draft.box;
    this.#set(isSize ? [left, top, width + dx, height + dy] : [left + dx, top + dy, width, height]);
  }

  #set([left, top, width, height]) {
    const { facts } = this.review, wide = Math.max(MIN_SIDE, Math.min(width, facts.width)), high = Math.max(MIN_SIDE, Math.min(height, facts.height));
    this.draft.box = [Math.max(0, Math.min(left, facts.width - wide)), Math.max(0, Math.min(top, facts.height - high)), wide, high];
    this.#show();
  }

  // The pointer: a corner moves against the one opposite, the inside moves the box, elsewhere a new box begins.
  #grab(event) {
    if (!this.draft || event.button) return;
    const { overlay } = this.review, [x, y] = overlay.pointAt(event.clientX, event.clientY), slack = GRIP / overlay.cssScale;
    const [left, top, width, height] = this.draft.box;
    const corner = [[left, top], [left + width, top], [left, top + height], [left + width, top + height]].find(([cx, cy]) => Math.abs(cx - x) <= slack && Math.abs(cy - y) <= slack);
    if (corner) this.grip = { anchor: [2 * left + width - corner[0], 2 * top + height - corner[1]] };
    else if (x >= left && y >= top && x < left + width && y < top + height) this.grip = { move: [x - left, y - top] };
    else this.grip = { anchor: [x, y] };
    overlay.canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  #drag(event) {
    if (!this.draft || !this.grip) return;
    const { overlay, facts } = this.review, { move, anchor } = this.grip, point = overlay.pointAt(event.clientX, event.clientY);
    const [x, y] = [Math.max(0, Math.min(facts.width, point[0])), Math.max(0, Math.min(facts.height, point[1]))];
    if (move) this.#set([x - move[0], y - move[1], this.draft.box[2], this.draft.box[3]]);
    else this.#set([Math.min(x, anchor[0]), Math.min(y, anchor[1]), Math.abs(x - anchor[0]), Math.abs(y - anchor[1])]);
  }

  // What can be done with the box that is chosen.
  buttons(hasBox = true) {
    const isOff = this.review.state.source !== "corrected";
    return html`<div class="row">${hasBox ? html`
      <button title="Draw the box anew (d)" ?disabled=${isOff} @click=${() => this.redraw()}>Redraw</button>
      <button class="danger" title="Delete boxes (Del)" ?disabled=${isOff} @click=${() => this.remove()}>Delete…</button>` : nothing}
      <button class="plain" title="Undo the last edit (u)" @click=${() => this.review.undo()}>${icon("undo")}Undo</button>
      ${this.isSending ? html`<span class="soft small" role="status">Saving…</span>` : nothing}</div>`;
  }

  // All corrections of the video, in the details beside it.
  list() {
    const { corrections, source } = this.review.state;
    return html`<section class="pad corrections" aria-label="Corrections"><h3>Corrections</h3>
      <label class="field">Your name, so that two people can be compared<input .value=${annotator()} maxlength="100" autocomplete="name" @change=${(event) => annotator(event.target.value)}></label>
      ${corrections?.length || source !== "corrected" ? html`<div class="segments" role="group" aria-label="Whose results">${[["corrected", "Corrected"], ["machine", "Machine's"]].map(([name, title]) => html`
        <button aria-pressed=${source === name ? "true" : "false"} @click=${() => this.review.showSource(name)}>${title}</button>`)}</div>` : nothing}
      ${corrections?.length ? html`<ol class="news">${corrections.map((one) => html`<li><span class="soft small" title=${one.at ?? ""}>${ago(one.at)}</span>
        <span>${one.undoes ? "a correction was taken back" : one.edits.map(editText).join("; ")}${one.annotator ? html` <span class="soft small">${one.annotator}</span>` : nothing}</span></li>`)}</ol>`
        : html`<p class="soft small">Nobody has corrected a box here. Choose one by a click, then Redraw or Delete.</p>`}
      ${corrections?.some((one) => one.is_current) ? html`<button ?disabled=${source !== "corrected"} @click=${() => this.undo()}>${icon("undo")}Undo the newest</button>` : nothing}</section>`;
  }

  async read() {
    if (this.isReading) return;
    this.isReading = true;
    const found = await attempt(() => get(videoPath(this.review.id, "/corrections"), { signal: this.review.signal }));
    this.isReading = false;
    this.review.state.corrections = found ?? [];
    this.review.render();
  }
}

// Who corrects, where somebody has said so; storage may be off.
export function annotator(name) {
  try {
    if (name !== undefined) localStorage.setItem("annotator", name.trim());
    return localStorage.getItem("annotator") ?? "";
  } catch { return ""; }
}

// One line about an edit, as the store keeps it.
export function editText(edit) {
  const who = edit.label ? shortName(edit.label) : `a ${edit.kind} of nobody`, verb = edit.action === "delete" ? "deleted" : "drawn anew";
  const from = edit.first ?? edit.frame, to = edit.stop === undefined ? from : edit.stop - 1;
  return `${who} ${verb} in ${from === to ? `frame ${from}` : `frames ${from} to ${to}`}`;
}
