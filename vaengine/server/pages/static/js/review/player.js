// Plays a video and says which frame is on the screen. A seek aims at the middle of its frame, looks which
// frame came, and aims again where it was another one.

const AIMS = [0.5, 0.9, 0.1, 0.99];
const CREEP_S = 0.15; // for which a frame is shown that is reached by playing
const CREEP_MS = 5000;
const SLOWEST = 0.0625; // that browsers play
const CALLBACK_MS = 150; // after `seeked`: no callback comes where the picture did not change

export class Player extends EventTarget {
  frame = 0;
  loop = null; // frames [first, stop)
  wrongSeeks = 0; // that no aim could mend
  #turn = 0;

  constructor(video, clock, signal) {
    super();
    this.video = video;
    this.clock = clock;
    this.signal = signal;
    const present = (_now, facts) => {
      if (signal.aborted) return;
      this.#present(clock.frameOfMedia(facts.mediaTime));
      video.requestVideoFrameCallback(present);
    };
    video.requestVideoFrameCallback(present);
    for (const name of ["play", "pause", "ratechange"]) {
      video.addEventListener(name, () => this.dispatchEvent(new Event("state")), { signal });
    }
    signal.addEventListener("abort", () => { video.pause(); video.removeAttribute("src"); video.load(); });
  }

  get timeS() { return this.clock.timesS[this.frame]; }
  get isPlaying() { return !this.video.paused; }

  toggle() {
    if (this.isPlaying) this.video.pause();
    else this.play();
  }

  play() {
    this.#turn += 1;
    if (this.loop && (this.frame < this.loop.first || this.frame >= this.loop.stop - 1)) this.#aim(this.loop.first, 0.5);
    this.video.play().catch(() => {}); // a pause that came first
  }

  setRate(rate) { this.video.playbackRate = Math.max(0.1, Math.min(8, rate)); }

  seekTime(timeS) { return this.seek(this.clock.frameAt(timeS)); }

  // Shows a frame; resolves to whether it is the one on the screen, or null where a later seek took over.
  async seek(frame) {
    const wanted = this.clock.clamp(frame);
    const turn = (this.#turn += 1);
    this.video.pause();
    for (const share of AIMS) {
      this.#aim(wanted, share);
      await this.#settled(wanted);
      if (turn !== this.#turn) return null;
      if (this.frame === wanted) return true;
    }
    if (await this.#creep(wanted, turn)) return true;
    if (turn === this.#turn) this.wrongSeeks += 1;
    return turn === this.#turn ? false : null;
  }

  // Some frames no seek reaches: a browser takes a short one after a long one for over. They come by playing.
  async #creep(wanted, turn) {
    const { video, clock } = this, { playbackRate, muted } = video;
    this.#aim(clock.clamp(wanted - 1), AIMS[0]);
    await this.#settled(clock.clamp(wanted - 1));
    const lastsS = clock.endOf(wanted) - clock.timesS[wanted];
    Object.assign(video, { muted: true, playbackRate: Math.max(SLOWEST, Math.min(1, lastsS / CREEP_S)) });
    await video.play().catch(() => {});
    await this.#reached(wanted, turn);
    if (turn === this.#turn) video.pause();
    Object.assign(video, { muted, playbackRate });
    return turn === this.#turn && this.frame === wanted;
  }

  #reached(wanted, turn) {
    return new Promise((resolve) => {
      const end = performance.now() + CREEP_MS;
      const look = () => {
        if (this.frame < wanted && turn === this.#turn && !this.video.ended && performance.now() < end) return;
        if (this.frame >= wanted) this.video.pause();
        this.removeEventListener("frame", look);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(look, CREEP_MS);
      this.addEventListener("frame", look);
      look();
    });
  }

  #aim(frame, share) { this.video.currentTime = this.clock.within(frame, share); }

  #settled(wanted) {
    return new Promise((resolve) => {
      const done = () => { clearTimeout(timer); this.video.removeEventListener("seeked", onSeeked); this.removeEventListener("frame", onFrame); resolve(); };
      const onFrame = () => { if (this.frame === wanted && !this.video.seeking) done(); };
      const onSeeked = () => {
        if (this.frame === wanted) done();
        else timer = setTimeout(done, CALLBACK_MS);
      };
      let timer = setTimeout(done, 20 * CALLBACK_MS);
      this.video.addEventListener("seeked", onSeeked);
      this.addEventListener("frame", onFrame);
    });
  }

  #present(frame) {
    this.frame = frame;
    this.dispatchEvent(new Event("frame"));
    if (this.loop && this.isPlaying && frame >= this.loop.stop - 1) this.#aim(this.loop.first, 0.5);
  }
}
