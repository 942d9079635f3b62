// What corrections change that are on their way to the server: it is drawn at once, as the server will make it.
const MAX_OFF = 0.05; // pixels by which a box of nobody may be named otherwise

// The sightings of a frame after edits in order; `was` of an edit is the box that it was drawn from.
export function edited(sightings, frame, edits) {
  return edits.reduce((seen, edit) => [...seen.flatMap((one) => after(one, frame, edit)), ...added(seen, frame, edit)], sightings);
}

function after(one, frame, { action, kind, label, at, box, was, first, stop, ...edit }) {
  if (one.kind !== kind || one.label !== (label ?? null)) return [one];
  if (!label) return one.stored !== (edit.frame ?? first) || !isSame(one.box, at) ? [one] : box ? [{ ...one, box }] : [];
  if (first === undefined) return [frame === edit.frame ? { ...one, box } : one];
  if (frame < first || frame >= stop) return [one];
  return action === "delete" ? [] : [{ ...one, box: reshaped(one.box, was, box) }];
}

function added(seen, frame, { action, kind, label, box, frame: drawnIn }) {
  if (action !== "redraw" || !label || frame !== drawnIn || seen.some((one) => one.kind === kind && one.label === label)) return [];
  return [{ kind, label, box, linked: null, points: null, confidence: null, stored: frame, isDetected: true }];
}

const isSame = (a, b) => a.every((side, i) => Math.abs(side - b[i]) <= MAX_OFF);

// A box moved and sized as `was` becomes `now`, each in shares of its own size.
function reshaped([left, top, width, height], was, now) {
  return [
    left + ((now[0] - was[0]) / was[2]) * width, top + ((now[1] - was[1]) / was[3]) * height,
    (now[2] / was[2]) * width, (now[3] / was[3]) * height,
  ];
}
