// Draws boxes, names, poses, faces and subtitles over the picture, in displayed pixels of the video.
import { inkOn } from "/static/js/format.js";

const NOBODY = "#A8A8A8";
const BONES = [[5, 7], [7, 9], [6, 8], [8, 10], [5, 6], [5, 11], [6, 12], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16], [0, 1], [0, 2], [1, 3], [2, 4]];

export class Overlay {
  shows = { boxes: true, poses: true, faces: true, names: true, subtitles: true };
  hidden = new Set(); // labels
  selected = null;
  loose = null; // the chosen box of nobody
  draft = null; // a box that is drawn: left, top, width, height

  constructor(canvas, facts, { colourOf, nameOf }) {
    Object.assign(this, { canvas, facts, colourOf, nameOf });
    this.pen = canvas.getContext("2d");
  }

  // Where the picture lies in the canvas, in its own pixels: scale and left top corner.
  get place() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = devicePixelRatio, width = Math.round(clientWidth * ratio), height = Math.round(clientHeight * ratio);
    const scale = Math.min(width / this.facts.width, height / this.facts.height);
    return { ratio, width, height, scale, x: (width - this.facts.width * scale) / 2, y: (height - this.facts.height * scale) / 2 };
  }

  draw(sightings, subtitles) {
    const place = (this.at = this.place);
    if (this.canvas.width !== place.width || this.canvas.height !== place.height) Object.assign(this.canvas, { width: place.width, height: place.height });
    this.pen.clearRect(0, 0, place.width, place.height);
    this.drawn = (sightings ?? []).filter((one) => this.#isShown(one));
    for (const one of this.drawn) this.#box(one);
    if (this.shows.poses) for (const one of this.drawn) this.#pose(one);
    if (this.shows.names) for (const one of this.drawn) this.#name(one);
    if (this.shows.subtitles) this.#subtitles(subtitles);
    if (this.draft) this.#draft(this.draft);
  }

  // A place of the page in displayed pixels of the video, and how many CSS pixels one of those has.
  pointAt(clientX, clientY) {
    const frame = this.canvas.getBoundingClientRect(), { ratio, scale, x, y } = this.at ?? this.place;
    return [((clientX - frame.left) * ratio - x) / scale, ((clientY - frame.top) * ratio - y) / scale];
  }

  get cssScale() { return this.place.scale / this.place.ratio; }

  // The sighting under a place of the page, the smallest first.
  hit(clientX, clientY) {
    const [px, py] = this.pointAt(clientX, clientY);
    return (this.drawn ?? []).filter(({ box: [left, top, width, height] }) => px >= left && py >= top && px < left + width && py < top + height)
      .sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3])[0] ?? null;
  }

  #isShown(one) {
    const isOn = one.kind === "face" ? this.shows.faces : this.shows.boxes;
    return isOn && !this.hidden.has(one.label) && !(one.kind === "face" && this.hidden.has(one.linked));
  }

  // Until the timeline is there, the colour of the number.
  #colour(one) { return this.colourOf(one.label) ?? this.colourOf(one.linked) ?? one.colour ?? NOBODY; }

  #box(one) {
    const { pen } = this, line = (one.kind === "face" || !one.label ? 1.25 : 2) * this.at.ratio;
    const [left, top, width, height] = this.#scaled(one.box);
    const isSelected = one.label ? one.label === this.selected : this.loose && one.box.every((side, i) => side === this.loose.box[i]);
    pen.lineJoin = "round";
    pen.strokeStyle = "rgb(0 0 0 / 55%)"; // a rim, for bright pictures
    pen.lineWidth = line + 2 * this.at.ratio;
    pen.strokeRect(left, top, width, height);
    pen.strokeStyle = this.#colour(one);
    pen.lineWidth = isSelected ? 2 * line : line;
    pen.strokeRect(left, top, width, height);
    if (isSelected) { pen.fillStyle = `${this.#colour(one)}33`; pen.fillRect(left, top, width, height); }
  }

  #draft(box) {
    const { pen } = this, { ratio } = this.at, [left, top, width, height] = this.#scaled(box);
    for (const [colour, line, dash] of [["rgb(0 0 0 / 70%)", 4, []], ["#fff", 2, [6, 4]]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = line * ratio;
      pen.setLineDash(dash.map((length) => length * ratio));
      pen.strokeRect(left, top, width, height);
    }
    pen.setLineDash([]);
    for (const [x, y] of [[left, top], [left + width, top], [left, top + height], [left + width, top + height]]) {
      pen.fillStyle = "rgb(0 0 0 / 70%)";
      pen.fillRect(x - 5 * ratio, y - 5 * ratio, 10 * ratio, 10 * ratio);
      pen.fillStyle = "#fff";
      pen.fillRect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
    }
  }

  #scaled([left, top, width, height]) {
    const { scale, x, y } = this.at;
    return [x + left * scale, y + top * scale, width * scale, height * scale];
  }

  #pose(one) {
    if (!one.points) return;
    const { pen } = this, { scale, x, y, ratio } = this.at;
    const spot = (i) => [x + one.points[3 * i] * scale, y + one.points[3 * i + 1] * scale, one.points[3 * i + 2] > 0];
    const number = one.points.length / 3;
    if (number === 17 && one.kind === "person") {
      pen.strokeStyle = this.#colour(one);
      pen.lineWidth = 2 * ratio;
      pen.beginPath();
      for (const [a, b] of BONES) {
        const [ax, ay, aSeen] = spot(a), [bx, by, bSeen] = spot(b);
        if (aSeen && bSeen) { pen.moveTo(ax, ay); pen.lineTo(bx, by); }
      }
      pen.stroke();
    }
    pen.fillStyle = "#fff";
    for (let i = 0; i < number; i += 1) {
      const [px, py, isSeen] = spot(i);
      if (isSeen) { pen.beginPath(); pen.arc(px, py, 1.6 * ratio, 0, 7); pen.fill(); }
    }
  }

  #name(one) {
    const text = this.nameOf(one);
    if (!text) return;
    const { pen } = this, { ratio, width: room, height: depth } = this.at, size = 12 * ratio;
    const [left, top, , height] = this.#scaled(one.box);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    const width = pen.measureText(text).width + 10 * ratio, high = 18 * ratio;
    const x = Math.max(0, Math.min(left - ratio, room - width));
    const above = one.kind === "face" ? top + height + ratio : top - high - ratio;
    const y = Math.max(0, Math.min(above, depth - high));
    pen.fillStyle = this.#colour(one);
    pen.beginPath();
    pen.roundRect(x, y, width, high, 3 * ratio);
    pen.fill();
    pen.fillStyle = inkOn(this.#colour(one));
    pen.fillText(text, x + 5 * ratio, y + high / 2 + ratio / 2);
  }

  #subtitles(utterances) {
    if (!utterances?.length) return;
    const { pen } = this, { ratio, width, height } = this.at, size = Math.max(13, Math.min(20, height / ratio / 24)) * ratio;
    pen.font = `500 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    const lines = utterances.flatMap((text) => wrapped(pen, text, 0.88 * width)).slice(-3);
    lines.forEach((line, i) => {
      const wide = pen.measureText(line).width, step = 1.4 * size, y = height - 14 * ratio - (lines.length - i - 0.5) * step;
      pen.fillStyle = "rgb(0 0 0 / 70%)";
      pen.fillRect((width - wide) / 2 - 0.4 * size, y - step / 2, wide + 0.8 * size, step);
      pen.fillStyle = "#fff";
      pen.fillText(line, (width - wide) / 2, y);
    });
  }
}

function wrapped(pen, text, room) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width <= room || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.filter(Boolean);
}
