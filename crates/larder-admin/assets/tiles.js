// The numbers at a glance, each with what it was in the last minute.

import { attribute, byId, draw, make, text } from "./elements.js";
import { count, milliseconds, number, percent } from "./format.js";

const POINTS = 60;

const TILES = [
  {
    name: "Throughput",
    column: "statements",
    value: (sample) => `${number(sample.statements)}`,
    unit: "statements/s",
    note: (picture) => `${number(picture.sample.cached_reads)}/s more from the cache`,
  },
  {
    name: "Latency, p95",
    column: "p95_ms",
    value: (sample) => milliseconds(sample.p95_ms),
    note: ({ sample }) => `p50 ${milliseconds(sample.p50_ms)} · p99 ${milliseconds(sample.p99_ms)}`,
  },
  {
    name: "Errors",
    column: "errors",
    value: (sample) => (sample.statements > 0 ? percent(sample.errors / sample.statements) : "0 %"),
    note: ({ sample }) =>
      sample.refused > 0
        ? `${number(sample.refused)}/s got no connection`
        : `${number(sample.errors)}/s failed · ${number(sample.slow)}/s slow`,
    level: ({ sample }) => (sample.errors + sample.refused > 0 ? "warning" : null),
  },
  {
    name: "Pool",
    column: "pool_used",
    value: (sample) => `${number(sample.pool_used)} of ${number(sample.pool_limit)}`,
    note: ({ sample, pool }) =>
      pool.waiting > 0 ? `${count(pool.waiting)} waiting` : `nobody waits · p95 ${milliseconds(sample.wait_p95_ms)}`,
    level: ({ pool }) => (pool.waiting > 0 ? "warning" : null),
  },
  {
    name: "Cache hits",
    column: "cache_share",
    value: (sample) => percent(sample.cache_share),
    note: ({ cache }) => `${count(cache.entries)} entries`,
  },
  {
    name: "Invalidations",
    column: "invalidations",
    value: (sample) => number(sample.invalidations),
    unit: "per second",
    note: ({ sample }) => `${number(sample.invalidations_remote)}/s by others`,
  },
];

/** Makes the tiles; gives the function that fills them. */
export function tiles() {
  const made = TILES.map((tile) => {
    const path = draw("path", {});
    const area = draw("path", { class: "area" });
    const spark = draw("svg", { viewBox: "0 0 60 20", preserveAspectRatio: "none", "aria-hidden": "true" }, area, path);
    const value = make("strong", {});
    const note = make("p", { class: "tile-note" });
    const card = make(
      "div",
      { class: "card tile", "data-tile": tile.column },
      make("h2", {}, tile.name),
      make("p", { class: "tile-value" }, value, tile.unit ? make("small", {}, tile.unit) : null),
      note,
      spark,
    );
    byId("tiles").append(card);
    return { ...tile, card, value_: value, note_: note, path, area };
  });
  return (picture, history) => {
    if (!picture.sample) return;
    for (const tile of made) {
      text(tile.value_, tile.value(picture.sample));
      text(tile.note_, tile.note(picture));
      attribute(tile.card, "data-level", tile.level?.(picture) ?? null);
      const line = spark(history[tile.column].slice(-POINTS));
      attribute(tile.path, "d", line);
      attribute(tile.area, "d", line ? `${line}L60 20L${60 - Math.min(POINTS, history.at.length) + 1} 20Z` : "");
    }
  };
}

/** The path of a line through the values, the last one at the right. */
function spark(values) {
  const known = values.map((value) => value ?? 0);
  const most = Math.max(...known, 1e-9);
  const start = POINTS - known.length + 1;
  return known
    .map((value, index) => `${index === 0 ? "M" : "L"}${start + index} ${(18.5 - (value / most) * 16).toFixed(2)}`)
    .join("");
}
