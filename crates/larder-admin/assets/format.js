// Numbers, durations and times as people read them.

const NONE = "–";

/** A number with as many digits as help: 0.42, 3.1, 128, 12.4k. */
export function number(value) {
  if (value == null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.01) return "<0.01";
  if (size < 1) return value.toFixed(2);
  if (size < 10) return value.toFixed(1).replace(/\.0$/, "");
  if (size < 10_000) return Math.round(value).toLocaleString("en");
  if (size < 1e6) return `${trim(value / 1e3)}k`;
  if (size < 1e9) return `${trim(value / 1e6)}M`;
  return `${trim(value / 1e9)}G`;
}

/** A count, in full as long as it is readable. */
export function count(value) {
  if (value == null) return NONE;
  return value < 1e6 ? Math.round(value).toLocaleString("en") : number(value);
}

/** Milliseconds with the unit that fits. */
export function milliseconds(value) {
  if (value == null || !Number.isFinite(value)) return NONE;
  if (value < 1) return `${Math.max(0, value * 1000).toFixed(0)} µs`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return seconds(value / 1000);
}

/** Seconds with the units that fit: 4.2 s, 3 min 5 s, 2 h 14 min, 3 d 4 h. */
export function seconds(value) {
  if (value == null || !Number.isFinite(value)) return NONE;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.floor(value)} s`;
  const minutes = Math.floor(value / 60);
  const rest = Math.floor(value % 60);
  if (minutes < 60) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A share from 0 to 1 in percent. */
export function percent(share) {
  if (share == null || !Number.isFinite(share)) return NONE;
  const value = share * 100;
  if (value > 0 && value < 0.1) return "<0.1 %";
  return value >= 99.95 || value === 0 ? `${Math.round(value)} %` : `${value.toFixed(1)} %`;
}

/** Bytes with binary units. */
export function bytes(value) {
  if (value == null) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${trim(value)} ${units[unit]}`;
}

/** The time of day of a moment, with the date if it is not today's. */
export function clock(moment) {
  const date = new Date(moment);
  const time = date.toLocaleTimeString("en-GB");
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** How long ago a moment was, seen from another one. */
export function ago(moment, now) {
  const passed = Math.max(0, (new Date(now) - new Date(moment)) / 1000);
  if (passed < 2) return "just now";
  return `${passed < 60 ? `${Math.floor(passed)} s` : seconds(passed)} ago`;
}

/** What a check measured. */
export function observed(value) {
  if (!value) return "";
  if (value.unit === "ms") return milliseconds(value.value);
  if (value.unit === "s") return seconds(value.value);
  if (value.unit === "share") return percent(value.value);
  if (value.unit === "%") return `${trim(value.value)} %`;
  if (value.unit === "bytes" || value.unit === "B") return bytes(value.value);
  return `${number(value.value)}${value.unit ? ` ${value.unit}` : ""}`;
}

function trim(value) {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value).toLocaleString("en");
}
