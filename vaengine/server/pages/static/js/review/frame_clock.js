// Which frame is shown when. Times come from the store, never from a frame rate.

export class FrameClock {
  // `packed`: differences of presentation times; `facts`: of the video; `offsetS`: the media time of frame 0.
  constructor(packed, facts) {
    const differences = new Float64Array(packed);
    const [numerator, denominator] = facts.time_base;
    this.tickS = numerator / denominator;
    this.timesS = new Float64Array(differences.length); // seconds from the first frame
    let pts = 0;
    const first = differences[0] ?? 0;
    for (let i = 0; i < differences.length; i += 1) {
      pts += differences[i];
      this.timesS[i] = (pts - first) * this.tickS;
    }
    this.endS = facts.duration_s;
    this.offsetS = facts.offset_s;
  }

  get length() { return this.timesS.length; }

  // The last frame that begins at a time in seconds from the first frame, half a tick of tolerance.
  frameAt(timeS) {
    const limit = timeS + this.tickS / 2;
    let low = 0, high = this.timesS.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.timesS[middle] <= limit) low = middle; else high = middle - 1;
    }
    return low;
  }

  frameOfMedia(mediaTime) { return this.frameAt(mediaTime - this.offsetS); }

  endOf(frame) { return frame + 1 < this.timesS.length ? this.timesS[frame + 1] : Math.max(this.endS, this.timesS[frame]); }

  // The media time so far into a frame, 0 to 1.
  within(frame, share) {
    const begin = this.timesS[frame];
    return begin + (this.endOf(frame) - begin) * share + this.offsetS;
  }

  clamp(frame) { return Math.max(0, Math.min(this.timesS.length - 1, frame)); }
}
