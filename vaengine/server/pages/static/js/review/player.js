// Plays a video and says which frame is on the screen. A seek aims at the middle of its frame, looks which
// frame came, and aims again where it was another one.

const AIMS = [0.5, 0.9, 0.1, 0.99];
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
    this.wrongSeeks += 1;
    return false;
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
