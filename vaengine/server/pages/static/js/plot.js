// Lines and bars over time or numbers, in the colours of the theme.
import uPlot from "/static/vendor/uPlot.esm.js";

const HEIGHT = 190;

// Draws into `host` and follows its width and the theme until the signal; `update(data)` draws new numbers.
export function plot(host, { series, data, format = String, isTime = true, signal, bars = false, xFormat = null, top = 0 }) {
  let chart = null, numbers = data;
  const make = () => {
    chart?.destroy();
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--edge"), width: 1 }, ticks: { stroke: colour("--edge"), width: 1 }, font: "11px system-ui, sans-serif" };
    chart = new uPlot({
      width: Math.max(80, host.clientWidth), height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { show: !bars } },
      scales: { x: { time: isTime }, y: { range: (_u, low, high) => [Math.min(0, low ?? 0), Math.max((high ?? 1) * 1.08, top, 1e-9)] } },
      axes: [{ ...axis, ...(xFormat ? { values: (_u, ticks) => ticks.map(xFormat) } : {}) }, { ...axis, size: 72, values: (_u, ticks) => ticks.map(format) }],
      series: [{}, ...series.map((one) => ({
        label: one.name, stroke: colour(one.colour), width: 2, spanGaps: true, points: { show: false },
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
