// Lines and bars over time or numbers, in the colours of the theme.
import uPlot from "/static/vendor/uPlot.esm.js";

const HEIGHT = 190;
const DAY_S = 86400;
const BYTE_STEPS = Array.from({ length: 51 }, (_, power) => 2 ** power);

// Draws into `host` and follows its width and the theme until the signal; `update(data)` draws new numbers.
export function plot(host, { series, data, format = String, isTime = true, signal, bars = false, xFormat = null, top = 0, isBytes = false, barWidth = 0 }) {
  let chart = null, numbers = data;
  const make = () => {
    chart?.destroy();
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--edge"), width: 1 }, ticks: { stroke: colour("--edge"), width: 1 }, font: "11px system-ui, sans-serif" };
    chart = new uPlot({
      width: Math.max(80, host.clientWidth), height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { show: !bars } },
      scales: { x: { time: isTime, ...(barWidth ? { range: (_u, low, high) => [low, high + barWidth] } : {}) }, y: { range: (_u, low, high) => [Math.min(0, low ?? 0), Math.max((high ?? 1) * 1.08, top, 1e-9)] } },
      axes: [{ ...axis, ...(isTime ? { space: 64 } : {}), values: xFormat ? (_u, ticks) => ticks.map(xFormat) : isTime ? timeTexts : null }, { ...axis, size: 72, ...(isBytes ? { incrs: BYTE_STEPS } : {}), values: (_u, ticks) => ticks.map(format) }],
      series: [{}, ...series.map((one) => ({
        label: one.name, stroke: colour(one.colour), width: 2, spanGaps: !one.hasGaps, points: { show: false },
        fill: one.fill ? `${colour(one.colour)}${bars ? "cc" : "22"}` : undefined, paths: bars ? uPlot.paths.bars({ size: [0.85, 60], align: 1 }) : undefined,
      }))],
    }, numbers, host);
  };
  make();
  const watcher = new ResizeObserver(() => chart.setSize({ width: Math.max(80, host.clientWidth), height: HEIGHT }));
  watcher.observe(host);
  addEventListener("themechange", make, { signal });
  const end = () => { watcher.disconnect(); removeEventListener("themechange", make); chart.destroy(); };
  signal.addEventListener("abort", end);
  return { end, update(next) { numbers = next; chart.setData(next); } };
}

// 14:05, with the day below where another one begins; days alone where ticks are days apart.
function timeTexts(_chart, ticks, _axis, _space, stepS) {
  return ticks.map((at, i) => {
    const day = dayOf(at), time = new Date(at * 1000).toLocaleTimeString("en-GB", { timeStyle: stepS < 60 ? "medium" : "short" });
    if (stepS >= DAY_S) return day;
    return i && dayOf(ticks[i - 1]) === day ? time : `${time}\n${day}`;
  });
}

const dayOf = (at) => new Date(at * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
