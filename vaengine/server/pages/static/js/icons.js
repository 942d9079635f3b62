// The few icons, drawn in the colour of the text.
import { html, svg } from "/static/vendor/lit-html.js";

const SHAPES = {
  brand: svg`<rect width="24" height="24" rx="5" fill="var(--accent)"/><path d="M8.5 6.5l9 5.5-9 5.5z" fill="var(--on-accent)"/>`,
  theme: svg`<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor"/>`,
  play: svg`<path d="M7 5l12 7-12 7z" fill="currentColor"/>`,
  pause: svg`<path d="M8 5v14M16 5v14" stroke-width="3"/>`,
  back: svg`<path d="M17 6l-8 6 8 6zM6 6v12" />`,
  next: svg`<path d="M7 6l8 6-8 6zM18 6v12" />`,
  loop: svg`<path d="M17 3l3 3-3 3M4 11V9a3 3 0 0 1 3-3h13M7 21l-3-3 3-3M20 13v2a3 3 0 0 1-3 3H4"/>`,
  undo: svg`<path d="M8 5L4 9l4 4M4 9h9a6 6 0 0 1 0 12h-3"/>`,
  keys: svg`<rect x="3" y="6" width="18" height="12" rx="2"/><path d="M7 10h.01M11 10h.01M15 10h.01M8 14h8"/>`,
  film: svg`<rect x="3" y="5" width="18" height="14" rx="2"/><path d="M8 5v14M16 5v14M3 12h18"/>`,
  person: svg`<circle cx="12" cy="8" r="4"/><path d="M4 21c1-5 4-7 8-7s7 2 8 7"/>`,
  search: svg`<circle cx="11" cy="11" r="6"/><path d="M16 16l5 5"/>`,
  check: svg`<circle cx="12" cy="12" r="9"/><path d="M8 12l3 3 5-6"/>`,
  chart: svg`<path d="M4 20V4M4 20h16M8 16v-4M13 16V8M18 16v-7"/>`,
  zoomIn: svg`<circle cx="11" cy="11" r="6"/><path d="M16 16l5 5M11 8v6M8 11h6"/>`,
  zoomOut: svg`<circle cx="11" cy="11" r="6"/><path d="M16 16l5 5M8 11h6"/>`,
};

export const icon = (name) => html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${SHAPES[name]}</svg>`;
