// The shell of all pages: the bar, the router, the theme, and the one stream of live events.
import { html, render, nothing } from "/static/vendor/lit-html.js";
import { icon } from "/static/js/icons.js";
import { notify } from "/static/js/notices.js";
import { live } from "/static/js/live.js";

const PAGES = [
  { path: "/", name: "Overview", module: "overview" },
  { path: "/videos", name: "Videos", module: "videos" },
  { path: "/search", name: "Search", module: "search" },
  { path: "/people", name: "People", module: "people" },
  { path: "/exports", name: "Exports", module: "exports" },
  { path: "/quality", name: "Quality", module: "quality" },
  { path: "/errors", name: "Errors", module: "errors" },
  { path: "/resources", name: "Resources", module: "resources" },
  { path: "/help", name: "Help", module: "help" },
];
const main = document.getElementById("main");
let leaving = new AbortController();

function routeOf(pathname) {
  const review = /^\/videos\/([^/]+)$/.exec(pathname);
  if (review) return { path: "/videos", name: "Review", module: "review", id: decodeURIComponent(review[1]) };
  return PAGES.find((page) => page.path === pathname) ?? PAGES[0];
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const route = routeOf(location.pathname);
  document.title = `${route.name} · vaengine`;
  drawBar(route);
  showCurrentLink();
  const host = document.createElement("div");
  host.className = "page";
  main.replaceChildren(host);
  const page = await import(`/static/js/pages/${route.module}.js`);
  if (signal.aborted) return;
  try {
    await page.mount(host, { id: route.id, query: new URLSearchParams(location.search), signal });
  } catch (error) {
    if (!signal.aborted) notify(error);
  }
}

export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  if (!replace) show();
}

addEventListener("popstate", show);
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || /^\/(api|static)\//.test(to.pathname) || link.target || to.hash) return;
  event.preventDefault();
  go(to.pathname + to.search);
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});

function drawBar(route) {
  render(html`
    <a class="brand" href="/" aria-label="vaengine, overview">${icon("brand")}<span>vaengine</span></a>
    <nav class="nav" aria-label="Pages"><ul>
      ${PAGES.map((page) => html`<li><a href=${page.path} aria-current=${page.path === route.path ? "page" : nothing}>${page.name}</a></li>`)}
    </ul></nav>
    <div class="bar-end">
      <span class="dot ${live.isOpen ? "good" : ""}" title=${live.isOpen ? "Live" : "Not connected"}></span>
      <span class="hidden-text">${live.isOpen ? "Live" : "Not connected"}</span>
      <button class="plain" @click=${nextTheme} aria-label="Change between light and dark">${icon("theme")}</button>
    </div>`, document.getElementById("bar"));
}

// On a narrow screen the links scroll sideways.
function showCurrentLink() {
  const nav = document.querySelector(".nav"), link = nav.querySelector("[aria-current]");
  if (link) nav.scrollLeft = link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
}

function nextTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* storage may be off */ }
  dispatchEvent(new Event("themechange"));
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));

live.addEventListener("state", () => drawBar(routeOf(location.pathname)));
live.open();
show();
