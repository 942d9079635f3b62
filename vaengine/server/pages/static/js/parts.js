// Parts that several pages are made of.
import { html, nothing } from "/static/vendor/lit-html.js";
import { icon } from "/static/js/icons.js";
import { address, videoPath } from "/static/js/api.js";
import { clock } from "/static/js/format.js";

export const pageHead = (title, about, end = nothing) => html`
  <div class="page-head"><h1>${title}</h1><p class="about">${about}</p><div class="end">${end}</div></div>`;

export const empty = (shape, title, text, more = nothing) => html`
  <div class="empty">${icon(shape)}<h2>${title}</h2><p>${text}</p>${more}</div>`;

export const loading = html`<div class="loading" aria-busy="true"><span class="hidden-text">Loading</span></div>`;

export const alertOf = (error) => html`<div class="alert" role="alert"><span>${error.message}</span></div>`;

const STATES = { completed: "good", failed: "bad", running: "busy", retrying: "busy", pending: "", interrupted: "warn", paused: "warn" };
export const stateBadge = (state) => html`<span class="badge ${STATES[state] ?? ""}">${state}</span>`;

export const reviewAddress = (id, timeS, endS) =>
  address(`/videos/${encodeURIComponent(id)}`, { t: timeS === undefined || timeS === null ? null : Number(timeS).toFixed(3), end: endS ? Number(endS).toFixed(3) : null });

// What cannot be had is a grey area, and no broken picture.
const broken = (event) => event.target.classList.add("broken");

export const thumb = (id, timeS = null, { width = 320, corner = nothing } = {}) => html`
  <span class="thumb"><img alt="" loading="lazy" decoding="async" @error=${broken} width="16" height="9"
    src=${address(videoPath(id, "/thumbnail"), { t: timeS === null ? null : Number(timeS).toFixed(3), width })}>
    ${corner === nothing ? nothing : html`<span class="corner">${corner}</span>`}</span>`;

export const face = (portrait, name) => html`
  <a class="face" href=${reviewAddress(portrait.video_id, portrait.time_s)} title=${`${name}, ${clock(portrait.time_s)} in ${portrait.video_id}`}>
    <img loading="lazy" decoding="async" @error=${broken} width="72" height="72" alt=${`${name} at ${clock(portrait.time_s)}`}
      src=${address(videoPath(portrait.video_id, "/portrait"), { frame: portrait.frame_number, box: portrait.xyxy.map((side) => side.toFixed(1)).join(",") })}></a>`;

export const meter = (parts) => html`<div class="meter" role="img" aria-label=${parts.map((part) => `${part.name} ${Math.round(part.share * 100)} %`).join(", ")}>
  ${parts.map((part) => html`<i class=${part.kind ?? ""} .style=${`--share:${(100 * part.share).toFixed(2)}%`}></i>`)}</div>`;

// Bars of counts side by side; `tell` says what the bar of a count is about.
export const histogram = (counts, { label, tell }) => {
  const most = Math.max(...counts, 1);
  return html`<div class="histogram" role="img" aria-label=${label}>${counts.map((number, i) => html`<i title=${tell(number, i)} .style=${`--share:${number ? Math.max(2, 100 * number / most).toFixed(2) : 0}%`}></i>`)}</div>`;
};

export const tile = (name, value, unit = "", note = "") => html`
  <div class="tile"><dt>${name}</dt><dd>${value}${unit ? html` <small>${unit}</small>` : nothing}</dd><p>${note}</p></div>`;

// Asks in a dialog; resolves to the form's values, or null where it was closed.
export function ask(content) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      const form = dialog.querySelector("form");
      resolve(dialog.returnValue === "ok" ? Object.fromEntries(new FormData(form)) : null);
      dialog.remove();
    });
    content(dialog);
    dialog.showModal();
  });
}
