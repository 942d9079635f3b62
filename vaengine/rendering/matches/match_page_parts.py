"""The style and the script of a page of matches: light and dark, and usable by keyboard."""

from __future__ import annotations

from typing import Final

from vaengine.timeline.palette import COLOURS

STYLE: Final = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff; --ink: #1b2430; --soft: #5b6776;
  --edge: #e1e5ea; --accent: ACCENT; --dark: #12161c; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --card: #1c222b; --ink: #e8ecf1;
  --soft: #9aa6b4; --edge: #2c3541; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem); background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
header { max-width: 60rem; margin-bottom: 1.5rem; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; border-left: 5px solid var(--accent);
  padding-left: .8rem; overflow-wrap: anywhere; }
header p { margin: .3rem 0; color: var(--soft); }
header .note { font-size: .87rem; }
header .keys { font-size: .8rem; }
label { display: block; margin-top: .8rem; color: var(--soft); }
input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--edge);
  border-radius: 8px; padding: .35rem .7rem; width: min(20rem, 100%); }
kbd { border: 1px solid var(--edge); border-radius: 5px; padding: 0 .35em; font: inherit;
  background: var(--card); }
main { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); }
article { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; overflow: hidden;
  cursor: zoom-in; }
article[hidden] { display: none; }
article:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
figure { position: relative; margin: 0; background: var(--dark); aspect-ratio: 16 / 9; display: grid;
  place-items: center; overflow: hidden; }
svg { width: 100%; height: 100%; }
rect { fill: none; }
.under { stroke: #12161c; }
.over { stroke: #e69f00; }
.number, figcaption { position: absolute; color: #fff; background: #12161ccc; border-radius: 7px;
  padding: 0 .55em; font-size: .85rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.number { left: .6rem; top: .6rem; }
figcaption { right: .6rem; bottom: .6rem; }
.fault { color: #98a2af; padding: 1rem; text-align: center; margin: 0; }
h2 { margin: .7rem 1rem 0; font-size: 1rem; display: flex; gap: .7rem; justify-content: space-between;
  overflow-wrap: anywhere; }
.score { color: var(--accent); font-variant-numeric: tabular-nums; }
article p { margin: .15rem 1rem .9rem; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
article .fault { margin: 0; color: #98a2af; }
dialog { border: 0; padding: 0; border-radius: 14px; width: min(72rem, 94vw); background: var(--card);
  color: var(--ink); }
dialog::backdrop { background: #0a0d12d9; }
dialog article { border: 0; border-radius: 0; cursor: default; }
dialog figure { aspect-ratio: auto; height: min(68vh, 60rem); }
.none { color: var(--soft); }
@media print { label, .keys { display: none; } article { break-inside: avoid; } }
""".replace("ACCENT", COLOURS[6].lower())

SCRIPT: Final = """
const cards = [...document.querySelectorAll('#cards article')];
const find = document.getElementById('find'), large = document.getElementById('large');
const shown = () => cards.filter(card => !card.hidden);
let chosen = null;
function choose(card) {
  if (!card) return;
  chosen = card;
  card.focus();
  card.scrollIntoView({ block: 'nearest' });
  if (large.open) enlarge();
}
function enlarge() {
  const copy = chosen.cloneNode(true);
  copy.removeAttribute('tabindex');
  large.replaceChildren(copy);
  if (!large.open) large.showModal();
}
function columns() {
  const all = shown();
  const row = all.filter(card => card.offsetTop === all[0].offsetTop);
  return row.length || 1;
}
const steps = { ArrowRight: () => 1, ArrowLeft: () => -1, ArrowDown: columns, ArrowUp: () => -columns() };
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === find) {
    if (event.key === 'Escape') { find.value = ''; filter(); find.blur(); }
    return;
  }
  const all = shown(), at = all.indexOf(chosen);
  if (event.key === '/') { event.preventDefault(); find.focus(); }
  else if (event.key === 'Enter' && chosen && !large.open) { event.preventDefault(); enlarge(); }
  else if (event.key in steps && all.length) {
    event.preventDefault();
    const next = at < 0 ? 0 : at + steps[event.key]();
    choose(all[Math.max(0, Math.min(all.length - 1, next))]);
  }
});
function filter() {
  const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const card of cards) {
    const text = card.textContent.toLowerCase();
    card.hidden = !words.every(word => text.includes(word));
  }
}
find.addEventListener('input', filter);
for (const card of cards) {
  card.addEventListener('focus', () => { chosen = card; });
  card.addEventListener('click', () => { chosen = card; enlarge(); });
}
large.addEventListener('click', event => { if (event.target === large) large.close(); });
large.addEventListener('close', () => { if (chosen) chosen.focus(); });
"""
