// Numbers, times and names as people read them.

const whole = new Intl.NumberFormat("en");

export const count = (number) => (number === null || number === undefined ? "–" : whole.format(Math.round(number)));
export const counted = (number, noun, nouns = `${noun}s`) => `${count(number)} ${number === 1 ? noun : nouns}`;

// 1:02:03.456, or 2:03 without parts of a second
export function clock(seconds, digits = 0) {
  if (!Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "−" : "";
  const scale = 10 ** digits;
  const total = Math.floor(Math.abs(seconds) * scale + 1e-6);
  const rest = total % scale, all = Math.floor(total / scale);
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const tail = `${String(s).padStart(2, "0")}${digits ? "." + String(rest).padStart(digits, "0") : ""}`;
  return sign + (h ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`);
}

// "90", "1:30", "1:02:03.5": seconds, or null
export function secondsOf(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || parts.some((part, i) => !(i === parts.length - 1 ? /^\d+(\.\d+)?$/ : /^\d+$/).test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (!seconds) return "0 s";
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

export function bytesText(bytes) {
  if (!Number.isFinite(bytes)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (bytes >= 1024 && i < units.length - 1) { bytes /= 1024; i += 1; }
  return `${i && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[i]}`;
}

export const share = (value) => (Number.isFinite(value) ? `${Math.round(value * 100)} %` : "–");
export const fixed = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : "–");

export function ago(time) {
  if (!time) return "–";
  const seconds = (Date.now() - instant(time).getTime()) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return instant(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

// Times of the store are UTC, with or without a zone.
export const instant = (time) =>
  typeof time === "number" ? new Date(time * 1000) : new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(time) ? time : `${time.replace(" ", "T")}Z`);

// 14:05:09 of today, 28 Nov, 14:05 of another day.
export function moment(time) {
  const at = instant(time), clockOf = (timeStyle) => at.toLocaleTimeString("en-GB", { timeStyle });
  return at.toDateString() === new Date().toDateString() ? clockOf("medium") : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${clockOf("short")}`;
}

export const PIPELINES = {
  scene_detection: "Scenes", person_tracking: "Persons", face_analysis: "Faces", audio_processing: "Sound",
};
const BY_PEOPLE = "_human";
export const pipelineName = (name) => (name.endsWith(BY_PEOPLE) ? `${pipelineName(name.slice(0, -BY_PEOPLE.length))}, by hand` : PIPELINES[name] ?? name);

const LETTERS = { person: "P", face: "F", speaker: "S" };
export function shortName(label) {
  const found = /^(person|face|speaker)_0*(\d+)$/.exec(label ?? "");
  return found ? LETTERS[found[1]] + found[2] : label ?? "";
}

// Black or white on a colour, whichever has more contrast (WCAG 2).
export function inkOn(colour) {
  const linear = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return (luminance + 0.05) ** 2 > 0.0525 ? "#000000" : "#ffffff";
}
