// The review page: a video with its results in step, and its timeline.
import { html, render, nothing } from "/static/vendor/lit-html.js";
import { icon } from "/static/js/icons.js";
import { address, bytes, get, videoPath } from "/static/js/api.js";
import { attempt, notify } from "/static/js/notices.js";
import { alertOf, loading, stateBadge } from "/static/js/parts.js";
import { clock, counted, duration, inkOn, pipelineName, secondsOf, shortName } from "/static/js/format.js";
import { live } from "/static/js/live.js";
import { FrameClock } from "/static/js/review/frame_clock.js";
import { Player } from "/static/js/review/player.js";
import { load } from "/static/js/review/source.js";
import { BoxPages } from "/static/js/review/boxes.js";
import { Overlay } from "/static/js/review/overlay.js";
import { cuesOf, saidAt } from "/static/js/review/subtitles.js";
import { Lanes } from "/static/js/review/lanes.js";
import { KEYS, actionOf, keyNames } from "/static/js/review/keys.js";
import * as edits from "/static/js/review/edits.js";
import { Corrections } from "/static/js/review/corrections.js";
import { calmly } from "/static/js/view.js";

const SWITCHES = [["boxes", "Boxes"], ["poses", "Poses"], ["faces", "Faces"], ["names", "Names"], ["subtitles", "Subtitles"]];
const RATES = [0.25, 0.5, 1, 1.5, 2, 4];
const CALM_MS = 2000; // between two looks for new results

export async function mount(host, { id, query, signal }) {
  render(loading, host);
  let facts, packed, utterances;
  try {
    facts = await get(videoPath(id, "/review"), { signal });
    [packed, utterances] = await Promise.all([bytes(facts.times, { signal }), get(videoPath(id, "/words"), { signal })]);
  } catch (error) {
    if (error.name === "AbortError") return;
    render(alertOf(error), host);
    return;
  }
  document.title = `${facts.name} · vaengine`;
  await new Review(host, facts, packed, utterances, signal).start(query);
}

class Review {
  made = []; // what was edited since the page was opened, of which the last is undone first
  state = { note: "", selected: null, loose: null, source: "corrected", corrections: null, lane: null, tab: "transcript", isReady: false, isOffered: false };

  constructor(host, facts, packed, utterances, signal) {
    Object.assign(this, { host, facts, utterances, signal });
    this.id = facts.video_id;
    this.clock = new FrameClock(packed, facts);
    this.cues = cuesOf(utterances);
    this.colours = new Map();
  }

  async start(query) {
    this.render();
    const find = (selector) => this.host.querySelector(selector);
    this.player = new Player(find("video"), this.clock, this.signal);
    this.overlay = new Overlay(find("canvas.overlay"), this.facts, { colourOf: (label) => this.colours.get(label), nameOf: (one) => this.nameOf(one) });
    this.boxes = new BoxPages(this.id, this.clock, { signal: this.signal, onPage: () => this.drawFrame() });
    const startS = Math.min(0, ...this.utterances.map((one) => one.start_s));
    this.lanes = new Lanes(find(".timeline-body"), this.id, { durationS: this.facts.duration_s, startS, signal: this.signal });
    this.corrections = new Corrections(this);
    this.listen();
    globalThis.review = this; // for tests, and for the curious
    const t = query.get("t"), isAtTime = t !== null && Number.isFinite(Number(t));
    // The picture waits for nothing, and the timeline, for which the server reads all of the video, for the boxes here.
    const boxes = attempt(() => this.boxes.load(isAtTime ? this.clock.frameAt(Number(t)) : 0));
    const lanes = boxes.then(() => attempt(() => this.lanes.fetch()));
    await attempt(() => this.loadVideo());
    if (isAtTime) await this.player.seekTime(Number(t));
    this.drawFrame();
    await lanes;
    const end = query.get("end");
    if (end !== null && Number(end) > Number(t)) this.setLoop({ startS: Number(t), endS: Number(end) });
    this.state.isReady = true;
    this.drawFrame();
    this.render();
    this.follow();
  }

  async loadVideo() {
    const source = await load(this.player.video, this.facts, { signal: this.signal, tell: (note) => { this.state.note = note; this.render(); } });
    this.clock.offsetS = source.offsetS;
    this.state.note = "";
    this.state.isPreview = source.isPreview;
    this.drawFrame();
    this.render();
  }

  listen() {
    const options = { signal: this.signal };
    this.player.addEventListener("frame", () => this.drawFrame(), options);
    this.player.addEventListener("state", () => this.render(), options);
    this.lanes.addEventListener("lanes", () => this.lanesChanged(), options);
    this.lanes.addEventListener("seek", (event) => this.player.seekTime(event.detail), options);
    this.lanes.addEventListener("loop", (event) => this.setLoop({ startS: event.detail.start_s, endS: event.detail.end_s }), options);
    addEventListener("keydown", (event) => this.key(event), options);
    new ResizeObserver(() => { if (!this.signal.aborted) this.drawFrame(); }).observe(this.overlay.canvas);
  }

  lanesChanged() {
    for (const lane of this.lanes.lanes) this.colours.set(lane.key, lane.colour);
    const shown = this.lanes.shown;
    if (!shown.some((lane) => same(lane, this.state.lane))) this.state.lane = shown[0] ?? null;
    this.render();
  }

  // A run or somebody else may change the results while the page is open.
  follow() {
    const look = calmly(() => this.look(), CALM_MS, this.signal);
    live.on(["jobs"], ({ events }) => { if (events.some((one) => one.video_id === this.id)) look(); }, this.signal);
    live.on(["reset"], look, this.signal);
    look(); // what has happened since the facts were read
  }

  // Reads results again that have changed. They are offered where somebody draws or answers a dialog; what is on
  // its way to the server has them read once it is there.
  async look() {
    if (this.corrections.isSending) return;
    const found = await attempt(() => this.factsNow());
    if (!found || this.corrections.isSending || stateOf(found) === stateOf(this.facts)) return;
    this.state.isOffered = true;
    this.render();
    if (!this.corrections.draft && !document.querySelector("dialog[open]")) await this.reread();
  }

  factsNow() { return get(address(videoPath(this.id, "/review"), { source: this.state.source }), { signal: this.signal }); }

  // The results have changed: everything of them is read again.
  async reread() {
    if (this.state.isOffered) await this.readWords();
    this.state.isOffered = false;
    this.boxes.forget();
    this.state.corrections = null;
    await this.refresh();
  }

  async readWords() {
    const utterances = await attempt(() => get(videoPath(this.id, "/words"), { signal: this.signal }));
    if (utterances) Object.assign(this, { utterances, cues: cuesOf(utterances), saidAt: undefined });
  }

  async showSource(source) {
    this.state.source = this.boxes.source = this.lanes.source = source;
    await this.reread();
  }

  // Takes the last edit back, of boxes or of who is who.
  async undo() {
    if (this.made.at(-1) === "box") { await this.corrections.undo(); return; }
    this.made.pop();
    await edits.undo(this);
  }

  // Names have changed: everything with names in it is read again.
  async refresh() {
    await attempt(async () => {
      const { people, revision, is_corrected, pipelines, provenance } = await this.factsNow();
      Object.assign(this.facts, { people, revision, is_corrected, pipelines, provenance });
      await this.boxes.load(this.player.frame); // before the timeline, for which all of the video is read
      this.render();
      await this.lanes.fetch();
      this.drawFrame();
      this.render();
    });
  }

  nameOf(one) {
    const person = this.facts.people[one.label];
    if (one.kind === "face" && !one.label) return "";
    return person?.name ?? shortName(one.label ?? "person");
  }

  nameOfLabel(label) { return this.facts.people[label]?.name ?? shortName(label); }

  // What is seen in the frame on the screen; null while it is fetched.
  seen() {
    const { boxes, corrections, player } = this, sightings = boxes.at(player.frame);
    return corrections && this.state.source === "corrected" ? corrections.edited(sightings, player.frame) : sightings;
  }

  drawFrame() {
    const { player, overlay, corrections } = this;
    if (corrections?.draft && corrections.draft.shownIn !== player.frame) corrections.cancel();
    const timeS = player.timeS ?? 0;
    const sightings = this.seen();
    Object.assign(overlay, { selected: this.state.selected, loose: this.state.loose });
    overlay.draw(sightings, saidAt(this.cues, timeS));
    this.drawnFrame = sightings ? player.frame : null;
    this.lanes.follow(timeS, player.isPlaying);
    this.host.querySelector(".now").textContent = `${clock(timeS, 3)}`;
    this.host.querySelector(".now-frame").textContent = `frame ${player.frame}`;
    const canvas = this.lanes.canvas;
    canvas.setAttribute("aria-valuenow", timeS.toFixed(3));
    canvas.setAttribute("aria-valuetext", `${clock(timeS, 3)}, frame ${player.frame}`);
    this.followTranscript(timeS);
  }

  followTranscript(timeS) {
    const at = this.utterances.findLastIndex((one) => one.start_s <= timeS);
    if (at === this.saidAt) return;
    this.saidAt = at;
    const list = this.host.querySelector(".transcript");
    for (const item of list?.querySelectorAll("[aria-current]") ?? []) item.removeAttribute("aria-current");
    const item = list?.children[at];
    item?.setAttribute("aria-current", "true");
    if (item && this.player.isPlaying) list.scrollTo({ top: item.offsetTop - list.clientHeight / 3 });
  }

  // Actions, by the names of keys.

  key(event) {
    const action = actionOf(event);
    if (!action || !this.actions[action]) return;
    event.preventDefault();
    attempt(async () => this.actions[action]());
  }

  get actions() {
    const { player, lanes, clock: times } = this;
    const step = (frames) => player.seek((this.target ?? player.frame) + frames);
    const jump = (seconds) => player.seekTime(Math.max(0, Math.min(times.endS, player.timeS + seconds)));
    const middle = (lanes.from <= player.timeS && player.timeS <= lanes.to) ? player.timeS : undefined;
    return {
      toggle: () => player.toggle(),
      frameBack: () => step(-1), frameOn: () => step(1),
      secondBack: () => jump(-1), secondOn: () => jump(1), minuteBack: () => jump(-60), minuteOn: () => jump(60),
      first: () => player.seek(0), last: () => player.seek(times.length - 1),
      slower: () => this.rate(-1), faster: () => this.rate(1), typeTime: () => this.host.querySelector(".goto").focus(),
      laneUp: () => this.moveLane(-1), laneDown: () => this.moveLane(1), next: () => this.toNeighbour(1), previous: () => this.toNeighbour(-1),
      zoomIn: () => lanes.zoom(0.5, middle), zoomOut: () => lanes.zoom(2, middle), zoomAll: () => lanes.zoom(1e9),
      loopStart: () => this.setLoop({ startS: player.timeS, endS: Math.max(this.loop?.endS ?? times.endS, player.timeS + 0.2) }),
      loopEnd: () => this.setLoop({ startS: Math.min(this.loop?.startS ?? 0, player.timeS), endS: times.endOf(player.frame) }),
      loop: () => this.loopHere(),
      ...Object.fromEntries(SWITCHES.map(([name]) => [name, () => this.toggleShown(name)])),
      hide: () => this.hide(this.state.selected ?? this.state.lane?.key),
      name: () => edits.name(this), merge: () => edits.merge(this), split: () => edits.split(this), undo: () => this.undo(),
      redraw: () => this.corrections.redraw(), remove: () => this.corrections.remove(),
      deselect: () => this.select(null), help: () => this.help(),
    };
  }

  rate(direction) {
    const at = RATES.findIndex((rate) => rate >= this.player.video.playbackRate);
    this.player.setRate(RATES[Math.max(0, Math.min(RATES.length - 1, at + direction))]);
  }

  moveLane(direction) {
    const shown = this.lanes.shown, at = shown.findIndex((lane) => same(lane, this.state.lane));
    this.chooseLane(shown[Math.max(0, Math.min(shown.length - 1, at + direction))] ?? null);
  }

  chooseLane(lane) {
    this.state.lane = lane;
    if (lane && isPerson(lane.kind)) Object.assign(this.state, { selected: lane.key, loose: null });
    this.drawFrame();
    this.render();
    this.host.querySelector(".lane-titles [aria-pressed=true]")?.scrollIntoView({ block: "nearest" });
  }

  async toNeighbour(direction) {
    const { state: { lane }, player, clock: times } = this;
    if (!lane) return;
    // What begins within the frame on the screen is neither: times of sound lie between those of frames.
    const from = (direction > 0 ? times.endOf(player.frame) : player.timeS) - times.tickS / 2;
    const start = await this.lanes.neighbour(lane, from, direction);
    if (start === null) notify(`${lane.title} has no ${direction > 0 ? "later" : "earlier"} interval`);
    else await this.player.seekTime(start);
  }

  setLoop(loop) {
    this.loop = loop;
    this.player.loop = loop && { first: this.clock.frameAt(loop.startS), stop: Math.max(this.clock.frameAt(loop.startS) + 2, this.clock.frameAt(loop.endS - 1e-6) + 1) };
    this.lanes.showLoop(loop);
    this.render();
  }

  loopHere() {
    if (this.loop) { this.setLoop(null); return; }
    const { lane } = this.state, now = this.player.timeS;
    const bar = lane?.bars.find((one) => one.start_s <= now && now < one.end_s);
    if (bar) this.setLoop({ startS: bar.start_s, endS: bar.end_s });
    else notify("no interval of the chosen lane is here");
  }

  toggleShown(name) {
    this.overlay.shows[name] = !this.overlay.shows[name];
    this.drawFrame();
    this.render();
  }

  hide(label) {
    if (!label) return;
    const { hidden } = this.overlay;
    if (!hidden.delete(label)) hidden.add(label);
    this.drawFrame();
    this.render();
  }

  select(label, loose = null) {
    Object.assign(this.state, { selected: label, loose });
    if (loose) this.state.tab = "people";
    if (label) {
      this.state.tab = "people";
      this.state.lane = this.lanes.shown.find((lane) => lane.key === label) ?? this.state.lane;
    }
    this.drawFrame();
    this.render();
  }

  help() {
    const dialog = document.createElement("dialog");
    dialog.className = "help";
    dialog.addEventListener("close", () => dialog.remove());
    render(html`<h2>Keys</h2>${keyTable()}<form method="dialog"><div class="actions"><button autofocus>Close</button></div></form>`, dialog);
    document.body.append(dialog);
    dialog.showModal();
  }

  goTo(event) {
    event.preventDefault();
    const field = event.target.elements.time, time = secondsOf(field.value);
    if (time === null) { notify(`${field.value} is no time: type seconds, 1:30 or 1:02:03.5`, { isBad: true }); return; }
    field.value = "";
    field.blur();
    this.player.seekTime(time);
  }

  // What is on the page.

  render() {
    if (this.signal.aborted) return;
    if (this.state.tab === "details" && this.state.corrections === null) this.corrections.read();
    render(this.view(), this.host);
  }

  view() {
    const { facts } = this;
    return html`
      <div class="page-head">
        <h1 class="cut" title=${facts.name}>${facts.name}</h1>
        <p class="about">${facts.has_pictures ? `${facts.width} × ${facts.height} · ${facts.fps.toFixed(2).replace(/\.?0+$/, "")} fps · ` : ""}${clock(facts.duration_s)}</p>
        <div class="end">
          ${this.state.isOffered ? html`<button title="A run or somebody else has changed the results of this video" @click=${() => this.reread()}>Show new results</button>` : nothing}
          ${this.state.isPreview ? html`<span class="badge" title="This browser cannot play the file itself">preview</span>` : nothing}
          ${facts.is_exact ? nothing : html`<span class="badge warn" title="The file does not say when its frames are shown">estimated times</span>`}
          ${facts.pipelines.map((one) => (one.status === "completed" ? nothing : html`<span class="badge ${one.status === "failed" ? "bad" : "busy"}" title=${one.error ?? ""}>${pipelineName(one.pipeline)}: ${one.status}</span>`))}
        </div>
      </div>
      <div class="review ${facts.has_pictures ? "" : "sound-alone"}">
        <div class="review-main">
          <div class="stage" .style=${`--aspect:${facts.width || 16} / ${facts.height || 9}`}>
            <video playsinline preload="auto" aria-label=${`Video ${facts.name}`} @click=${(event) => this.pick(event)}></video>
            <canvas class="overlay" aria-hidden="true"></canvas>
            ${this.state.note ? html`<p class="stage-note" role="status">${this.state.note}</p>` : nothing}
          </div>
          ${this.corrections?.bar() ?? nothing}
          ${this.controls()}
          ${this.timeline()}
        </div>
        ${this.side()}
      </div>`;
  }

  controls() {
    const isPlaying = this.player?.isPlaying, rate = this.player?.video.playbackRate ?? 1;
    const shows = this.overlay?.shows ?? {};
    return html`<div class="controls">
      <div class="row">
        <button class="plain" aria-label="One frame back" title="One frame back (←)" @click=${() => this.actions.frameBack()}>${icon("back")}</button>
        <button class="main play" aria-label=${isPlaying ? "Pause" : "Play"} title="Space" @click=${() => this.player.toggle()}>${icon(isPlaying ? "pause" : "play")}</button>
        <button class="plain" aria-label="One frame on" title="One frame on (→)" @click=${() => this.actions.frameOn()}>${icon("next")}</button>
        <span class="time"><output class="now">0:00.000</output> <span class="soft">/ ${clock(this.facts.duration_s)}</span></span>
        <output class="now-frame soft">frame 0</output>
        <form @submit=${(event) => this.goTo(event)}><input class="goto" name="time" size="8" placeholder="go to…" aria-label="Go to a time (g)" autocomplete="off" @keydown=${(event) => { if (event.key === "Escape") event.target.blur(); }}></form>
      </div>
      <div class="row">
        <select aria-label="Rate" .value=${String(rate)} @change=${(event) => this.player.setRate(Number(event.target.value))}>
          ${RATES.map((one) => html`<option value=${one} ?selected=${one === rate}>${one}×</option>`)}</select>
        <button class="plain" aria-pressed=${this.loop ? "true" : "false"} title="Loop (l)" @click=${() => this.loopHere()}>${icon("loop")}Loop</button>
        <div class="segments" role="group" aria-label="Show">${SWITCHES.map(([name, title]) => html`
          <button aria-pressed=${shows[name] !== false ? "true" : "false"} @click=${() => this.toggleShown(name)}>${title}</button>`)}</div>
        <button class="plain" title="Keys (?)" aria-label="All keys" @click=${() => this.help()}>${icon("keys")}</button>
      </div>
    </div>`;
  }

  timeline() {
    const shown = this.lanes?.shown ?? [], minor = this.lanes?.minorCount ?? 0;
    return html`<section class="timeline" aria-label="Timeline">
      <div class="timeline-bar">
        <h2>Timeline</h2>
        ${minor ? html`<label class="tick small"><input type="checkbox" .checked=${this.lanes.showsMinor} @change=${(event) => { this.lanes.showsMinor = event.target.checked; this.lanes.draw(); this.render(); }}>${counted(minor, "brief track")}</label>` : nothing}
        <div class="end row">
          <button class="plain" aria-label="Zoom out" title="Zoom out (−)" @click=${() => this.actions.zoomOut()}>${icon("zoomOut")}</button>
          <button class="plain" aria-label="Zoom in" title="Zoom in (+), or Ctrl and the wheel" @click=${() => this.actions.zoomIn()}>${icon("zoomIn")}</button>
          <button class="plain" title="Whole video (0)" @click=${() => this.actions.zoomAll()}>All</button>
        </div>
      </div>
      <div class="timeline-body">
        <ol class="lane-titles" aria-label="Lanes">${shown.map((lane) => this.laneTitle(lane))}</ol>
        <div class="lane-area">
          <canvas class="ruler" aria-hidden="true"></canvas>
          <canvas class="lanes" tabindex="0" role="slider" aria-label="Position in the video" aria-valuemin="0" aria-valuemax=${this.facts.duration_s.toFixed(3)} aria-valuenow="0"></canvas>
          <div class="loop-region" hidden></div><div class="playhead"></div>
        </div>
      </div>
    </section>`;
  }

  laneTitle(lane) {
    const isHidden = this.overlay?.hidden.has(lane.key);
    return html`<li><button class="lane-title ${isHidden ? "is-hidden" : ""}" aria-pressed=${same(lane, this.state.lane) ? "true" : "false"}
      title=${`${lane.title}: ${counted(lane.count, "interval")}`} @click=${() => this.chooseLane(lane)}>
      <i class="dot colour" .style=${`--colour:${lane.colour ?? "var(--bar-1)"}`}></i><span class="cut">${lane.title}</span>
      ${["face", "speaker"].includes(lane.kind) && lane.key !== lane.kind ? html`<span class="soft tiny">${lane.kind}</span>` : nothing}</button></li>`;
  }

  side() {
    const tabs = [["transcript", "Transcript"], ["people", "People"], ["details", "Details"]];
    return html`<aside class="card flush side">
      <div class="tabs" role="tablist" aria-label="Beside the video">${tabs.map(([name, title]) => html`
        <button role="tab" id=${`tab-${name}`} aria-selected=${this.state.tab === name ? "true" : "false"} aria-controls="side-panel" @click=${() => { this.state.tab = name; this.saidAt = undefined; this.render(); this.drawFrame(); }}>${title}</button>`)}</div>
      <div class="side-panel" role="tabpanel" id="side-panel" tabindex="0" aria-labelledby=${`tab-${this.state.tab}`}>${this[this.state.tab]()}</div>
    </aside>`;
  }

  transcript() {
    if (!this.utterances.length) return html`<p class="soft pad">Nothing is said, or the sound was not analysed.</p>`;
    return html`<ol class="transcript">${this.utterances.map((one) => html`
      <li><button class="line" @click=${() => this.player.seekTime(one.start_s)}><time>${clock(one.start_s)}</time>
        <span>${one.speaker ? html`<b>${this.nameOfLabel(one.speaker)}</b> ` : nothing}${one.text}</span></button></li>`)}</ol>`;
  }

  people() {
    const lanes = (this.lanes?.lanes ?? []).filter((lane) => isPerson(lane.kind) && lane.key !== lane.kind);
    if (!lanes.length && !this.state.loose) return html`<p class="soft pad">Nobody was found in this video.</p>`;
    return html`${this.state.selected || this.state.loose ? this.chosen() : html`<p class="soft pad small">Click on a box or a name to choose somebody.</p>`}
      <ul class="people-list">${lanes.map((lane) => html`<li><button class="line" aria-pressed=${lane.key === this.state.selected ? "true" : "false"} @click=${() => this.select(lane.key)}>
        <i class="dot colour" .style=${`--colour:${lane.colour}`}></i><span class="cut">${this.facts.people[lane.key]?.name ?? lane.title}</span>
        <span class="soft tiny">${lane.kind} · ${duration(lane.bars.reduce((sum, bar) => sum + bar.end_s - bar.start_s, 0))}</span></button></li>`)}</ul>`;
  }

  chosen() {
    if (this.state.loose) return html`<div class="chosen"><p><b>A ${this.state.loose.kind} of nobody</b></p>${this.corrections.buttons()}</div>`;
    const label = this.state.selected, person = this.facts.people[label], colour = this.colours.get(label) ?? "#a8a8a8";
    return html`<div class="chosen">
      <p><span class="chip" .style=${`background:${colour};color:${inkOn(colour)}`}>${shortName(label)}</span> <b>${person?.name ?? "no name"}</b></p>
      <div class="row">
        <button @click=${() => edits.name(this)}>Name</button>
        <button @click=${() => edits.merge(this)}>Merge</button>
        <button ?disabled=${!person} @click=${() => edits.split(this)}>Split</button>
      </div>${this.corrections.buttons(/^(person|face)_/.test(label))}</div>`;
  }

  details() {
    const { facts } = this;
    return html`<dl class="facts pad">
      <dt>Video</dt><dd class="wrap">${facts.video_id}</dd>
      <dt>File</dt><dd>${facts.codec}, ${facts.container.split(",")[0]}</dd>
      <dt>Frames</dt><dd>${facts.frame_count}${facts.rotation ? `, turned by ${facts.rotation}°` : ""}</dd>
      ${facts.pipelines.map((one) => html`<dt>${pipelineName(one.pipeline)}</dt><dd>${stateBadge(one.status)} ${one.annotations === null ? "" : counted(one.annotations, "annotation")}
        ${one.warning || one.error ? html`<p class="small soft wrap">${one.error ?? one.warning}</p>` : nothing}</dd>`)}
      <dt>Made by</dt><dd class="small wrap">${facts.provenance}</dd></dl>
      ${this.corrections?.list() ?? nothing}`;
  }

  pick(event) {
    const one = this.overlay.hit(event.clientX, event.clientY);
    if (one?.label) this.select(one.label);
    else if (one) this.select(null, one);
    else if (this.state.selected || this.state.loose) this.select(null);
    else this.player.toggle();
  }
}

const isPerson = (kind) => kind === "person" || kind === "face" || kind === "speaker";
const stateOf = ({ revision, pipelines }) => JSON.stringify([revision, pipelines]);
const same = (a, b) => a && b && a.kind === b.kind && a.key === b.key;

export const keyTable = () => html`<div class="key-groups">${KEYS.map(({ group, keys }) => html`<section><h3>${group}</h3><dl class="keys">
  ${keys.map(([key, text]) => html`<dt>${keyNames(key).map((part) => html`<kbd>${part}</kbd> `)}</dt><dd>${text}</dd>`)}</dl></section>`)}</div>`;
