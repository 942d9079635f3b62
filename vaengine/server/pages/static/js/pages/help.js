// Help: the keys, and where more is said.
import { html, render } from "/static/vendor/lit-html.js";
import { pageHead } from "/static/js/parts.js";
import { keyTable } from "/static/js/pages/review.js";

const PAGES = [
  ["/", "Overview", "what is at work, how fast, and how long it will take"],
  ["/videos", "Videos", "every video with what was found in it; open one to see it"],
  ["/search", "Search", "who, what and where, in relation to each other; what is said; what looks alike"],
  ["/people", "People", "who is who in all videos: names, merging, splitting"],
  ["/quality", "Quality", "how sure the results are, and which videos differ from the others"],
  ["/errors", "Errors", "what failed, grouped by its cause; retry, quarantine and release"],
  ["/resources", "Resources", "processors, memory and disks, now and before"],
];

export function mount(host) {
  render(html`${pageHead("Help", "Keys, pages and the API")}
    <div class="stack">
      <section class="card"><h2>Keys of a video's page</h2>${keyTable()}
        <p class="small soft above">A click on the timeline goes there; a double click on an interval loops it. Ctrl and the wheel zoom, Shift and the wheel or a drag with Shift move.</p></section>
      <section class="card"><h2>Pages</h2><dl class="facts">${PAGES.map(([address, name, text]) => html`<dt><a href=${address}>${name}</a></dt><dd>${text}</dd>`)}</dl></section>
      <section class="card"><h2>For programs</h2><p>Everything here is asked of an API. <a href="/api/openapi.json">/api/openapi.json</a> describes it. <code>vaengine.Client</code> speaks it in Python.</p></section>
    </div>`, host);
}
