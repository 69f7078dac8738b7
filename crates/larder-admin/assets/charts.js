// The charts: lines over the last minutes, drawn by uPlot.

import { attribute, byId, make, text } from "./elements.js";
import { milliseconds, number, percent } from "./format.js";

const uPlot = globalThis.uPlot;

const perSecond = (value) => (value == null ? "–" : `${number(value)}/s`);
const plain = (value) => number(value);

/** What is drawn. A series has a column of the history, a name, and a colour of the style sheet. */
const CHARTS = [
  {
    id: "throughput",
    title: "Throughput",
    unit: perSecond,
    series: [
      { column: "statements", name: "Statements", colour: "--c1", fill: true },
      { column: "cached_reads", name: "From cache", colour: "--c2" },
      { column: "errors", name: "Errors", colour: "--bad" },
    ],
  },
  {
    id: "latency",
    title: "Latency",
    unit: milliseconds,
    series: [
      { column: "p99_ms", name: "p99", colour: "--c4" },
      { column: "p95_ms", name: "p95", colour: "--c1" },
      { column: "p50_ms", name: "p50", colour: "--c2" },
    ],
    // One that took seconds would press all others to the ground.
    isLogarithmic: true,
    bands: [[1, 2, "--c4"], [2, 3, "--c1"]],
  },
  {
    id: "pool-use",
    title: "Connections",
    unit: plain,
    floor: 4,
    series: [
      { column: "pool_limit", name: "Limit", colour: "--faint", dash: [4, 4] },
      { column: "pool_used", name: "In use", colour: "--c1", fill: true },
      { column: "pool_idle", name: "Idle", colour: "--c2" },
      { column: "pool_waiting", name: "Waiting", colour: "--bad" },
    ],
  },
  {
    id: "waits",
    title: "Wait for a connection",
    unit: milliseconds,
    series: [{ column: "wait_p95_ms", name: "p95", colour: "--c3", fill: true }],
    also: [{ column: "refused", name: "Refused", unit: perSecond, colour: "--bad" }],
  },
  {
    id: "cache-share",
    title: "Cache hits",
    unit: percent,
    ceiling: 1,
    series: [
      { column: "cache_share", name: "All", colour: "--c1", fill: true },
      { column: "l1_share", name: "Process", colour: "--c2" },
      { column: "l2_share", name: "Redis", colour: "--c3" },
    ],
    hasServices: true,
  },
  {
    id: "invalidations",
    title: "Invalidations",
    unit: perSecond,
    series: [
      { column: "invalidations", name: "All", colour: "--c1", fill: true },
      { column: "invalidations_remote", name: "By others", colour: "--c3" },
    ],
  },
];

const LOGARITHMIC = {
  distr: 3,
  range: (_, min, max) => [0.1, 10].map((factor, index) => decade(index ? max : min, index) ?? factor),
};

const SERVICE_COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--faint"];

/** The charts of a history. `draw` follows it, `show` changes how much of it is seen. */
export class Charts {
  constructor(host, history) {
    this.history = history;
    this.span = 300;
    this.charts = CHARTS.map((definition) => new Chart(host, definition, this));
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", () => this.charts.forEach((chart) => chart.build()));
  }

  show(span) {
    this.span = span;
    this.draw();
  }

  draw() {
    // What nobody sees is drawn when it is seen.
    if (!document.hidden) this.charts.forEach((chart) => chart.draw());
  }
}

class Chart {
  constructor(host, definition, charts) {
    this.definition = definition;
    this.charts = charts;
    this.byService = false;
    this.legend = make("ul", { class: "legend" });
    this.canvas = make("div", { class: "plot", role: "img" });
    const head = make("div", { class: "card-head" }, make("h3", {}, definition.title));
    if (definition.hasServices) head.append(this.choice());
    host.append(make("section", { class: "card chart" }, head, this.legend, this.canvas));
    this.build();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  /** Whether lines are tiers or services. */
  choice() {
    const button = (name, byService) =>
      make("button", {
        type: "button",
        "aria-pressed": String(byService === this.byService),
        onclick: (event) => {
          this.byService = byService;
          for (const other of event.currentTarget.parentElement.children) {
            attribute(other, "aria-pressed", String(other === event.currentTarget));
          }
          this.build();
        },
      }, name);
    return make(
      "div",
      { class: "segments small", role: "group", "aria-label": "Lines" },
      button("Tiers", false),
      button("Services", true),
    );
  }

  series() {
    if (!this.byService) return this.definition.series;
    const names = Object.keys(this.charts.history.services).slice(0, SERVICE_COLOURS.length);
    return names.map((name, index) => ({ service: name, name, colour: SERVICE_COLOURS[index] }));
  }

  column({ column, service }) {
    const { history } = this.charts;
    return service === undefined ? history[column] : history.services[service];
  }

  data() {
    const { history, span } = this.charts;
    const from = Math.max(0, history.at.length - span - 2);
    const cut = (column) => column.slice(from);
    return [cut(history.at).map((at) => at / 1000), ...this.drawn.map((series) => cut(this.column(series)))];
  }

  build() {
    this.plot?.destroy();
    this.drawn = this.series();
    this.key = this.drawn.map((series) => series.name).join();
    const also = this.byService ? [] : (this.definition.also ?? []);
    this.legend.replaceChildren(...[...this.drawn, ...also].map((series) => entry(series)));
    this.plot = new uPlot(this.options(), this.data(), this.canvas);
    this.tell(null);
  }

  options() {
    const { definition } = this;
    const width = Math.max(200, this.canvas.clientWidth);
    const axis = {
      stroke: colour("--muted"),
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colour("--grid"), width: 1 },
    };
    const most = definition.ceiling;
    return {
      width,
      height: 168,
      legend: { show: false },
      padding: [8, 22, 0, 0],
      cursor: { sync: { key: "larder" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
      scales: {
        x: { time: true, range: () => this.range() },
        y: definition.isLogarithmic ? LOGARITHMIC : { range: (_, __, max) => [0, most ?? nice(Math.max(max ?? 0, definition.floor ?? 0))] },
      },
      axes: [
        { ...axis, size: 24, space: 64, values: (_, ticks) => ticks.map(moment) },
        {
          ...axis,
          size: 52,
          space: 36,
          gap: 4,
          splits: definition.isLogarithmic ? (_, __, min, max) => decades(min, max) : undefined,
          values: (_, ticks) => ticks.map((tick) => label(tick, definition.unit)),
        },
      ],
      series: [{}, ...this.drawn.map((series) => line(series))],
      bands: this.byService
        ? []
        : (definition.bands ?? []).map(([above, below, name]) => ({
            series: [above, below],
            fill: colour(name, 0.14),
          })),
      hooks: { setCursor: [(plot) => this.tell(plot.cursor.idx)] },
    };
  }

  /** What is asked for; less as long as there is less, but a minute. */
  range() {
    const { history, span } = this.charts;
    const end = (history.at.at(-1) ?? Date.now()) / 1000;
    const start = Math.max(end - span, (history.at[0] ?? 0) / 1000);
    return [Math.min(start, end - 60), end];
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: 168 });
  }

  draw() {
    if (this.series().map((series) => series.name).join() !== this.key) this.build();
    this.plot.setData(this.data());
    this.tell(this.plot.cursor.idx);
  }

  /** Writes the numbers under the cursor, or the last ones, beside the names. */
  tell(index) {
    const offset = index == null ? null : this.charts.history.at.length - this.plot.data[0].length + index;
    const unit = this.definition.unit;
    const said = [];
    for (const item of this.legend.children) {
      const column = this.column(item.series) ?? [];
      const value = offset == null ? column.at(-1) : column[offset];
      const words = (item.series.unit ?? unit)(value);
      text(item.lastElementChild, words);
      said.push(`${item.series.name} ${words}`);
    }
    if (index == null) attribute(this.canvas, "aria-label", `${this.definition.title}: ${said.join(", ")}`);
  }
}

function entry(series) {
  const swatch = make("i", { "aria-hidden": "true" });
  swatch.style.background = `var(${series.colour})`;
  const item = make("li", {}, swatch, make("span", {}, series.name), make("b"));
  item.series = series;
  return item;
}

function line({ colour: name, fill, dash }) {
  return {
    stroke: colour(name),
    width: 1.5,
    dash,
    fill: fill ? colour(name, 0.1) : undefined,
    points: { show: false },
    spanGaps: false,
  };
}

/** A colour of the style sheet, with this much of it. */
function colour(name, share = 1) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return share === 1 ? value : `${value}${Math.round(share * 255).toString(16).padStart(2, "0")}`;
}

/** The next round number, so that the scale does not move with every reading. */
function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * 1.05);
  return (step ?? 15) * power;
}

/** The power of ten below or above a value, between 10 µs and 100 s. */
function decade(value, isAbove) {
  if (!value || value <= 0) return null;
  const power = isAbove ? Math.ceil(Math.log10(value)) : Math.floor(Math.log10(value));
  return 10 ** Math.min(5, Math.max(-2, power));
}

/** The powers of ten from one to another. */
function decades(min, max) {
  const powers = [];
  for (let power = min; power <= max * 1.001; power *= 10) powers.push(power);
  return powers;
}

/** What stands beside a line of the grid. */
function label(tick, unit) {
  if (tick == null) return null;
  if (tick === 0) return "0";
  if (unit === milliseconds && tick >= 1000) return `${tick / 1000} s`;
  return unit === percent ? `${Math.round(tick * 100)} %` : unit(tick).replace("/s", "");
}

/** Whole minutes without their seconds. */
function moment(second) {
  const options = { hour: "2-digit", minute: "2-digit", second: second % 60 === 0 ? undefined : "2-digit" };
  return new Date(second * 1000).toLocaleTimeString("en-GB", options);
}

/** The buttons that choose how much is seen. */
export function chooseRange(charts) {
  const buttons = [...byId("ranges").children];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      buttons.forEach((other) => attribute(other, "aria-pressed", String(other === button)));
      charts.show(Number(button.dataset.seconds));
    });
  }
}
