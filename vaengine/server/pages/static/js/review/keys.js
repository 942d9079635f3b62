// The keys of the review page, in one table: what is bound and what the help shows are the same.

export const KEYS = [
  { group: "Play", keys: [
    ["Space", "play or pause", "toggle"],
    ["ArrowLeft", "one frame back", "frameBack"], ["ArrowRight", "one frame on", "frameOn"],
    ["Shift+ArrowLeft", "one second back", "secondBack"], ["Shift+ArrowRight", "one second on", "secondOn"],
    ["PageUp", "one minute back", "minuteBack"], ["PageDown", "one minute on", "minuteOn"],
    ["Home", "first frame", "first"], ["End", "last frame", "last"],
    ["<", "slower", "slower"], [">", "faster", "faster"],
    ["g", "type a time", "typeTime"],
  ] },
  { group: "Lanes", keys: [
    ["ArrowUp", "lane above", "laneUp"], ["ArrowDown", "lane below", "laneDown"],
    ["n", "next interval of the lane", "next"], ["p", "interval of the lane before", "previous"],
    ["+", "zoom in", "zoomIn"], ["-", "zoom out", "zoomOut"], ["0", "whole video", "zoomAll"],
    ["[", "loop begins here", "loopStart"], ["]", "loop ends here", "loopEnd"], ["l", "loop the interval here, or none", "loop"],
  ] },
  { group: "Show", keys: [
    ["b", "boxes", "boxes"], ["k", "poses", "poses"], ["f", "faces", "faces"], ["i", "names", "names"],
    ["c", "subtitles", "subtitles"], ["h", "hide or show the lane's person", "hide"],
  ] },
  { group: "Edit", keys: [
    ["r", "name the chosen person", "name"], ["m", "merge with another person", "merge"],
    ["x", "take away from this person", "split"],
    ["d", "draw the box anew", "redraw"], ["Delete", "delete boxes", "remove"],
    ["u", "undo the last edit", "undo"],
    ["Escape", "choose nobody", "deselect"], ["?", "all keys", "help"],
  ] },
];

const BOUND = new Map(KEYS.flatMap((group) => group.keys.map(([key, , action]) => [key === "Space" ? " " : key, action])));

// The action of a key press; null for what is for a field, or for nobody.
export function actionOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target;
  if (target.closest("input, textarea, select, dialog")) return null;
  if (target.closest("button, a, summary") && (event.key === " " || event.key === "Enter")) return null;
  const withShift = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
  return BOUND.get(withShift) ?? null;
}

const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page ↑", PageDown: "Page ↓", Escape: "Esc", Delete: "Del" };
export const keyNames = (key) => (key === "+" ? ["+"] : key.split("+").map((part) => SHOWN[part] ?? part));
