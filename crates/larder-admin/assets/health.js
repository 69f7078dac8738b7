// The status, its causes with their cures, the checks, and the timeline.

import { attribute, byId, draw, keep, make, text } from "./elements.js";
import { ago, clock, observed, seconds } from "./format.js";

const WORDS = {
  unknown: "Not checked yet",
  healthy: "Healthy",
  degraded: "Degraded",
  unhealthy: "Unhealthy",
  critical: "Critical",
};
const LEVELS = ["healthy", "degraded", "unhealthy", "critical"];

/** What a probe is called by people. */
export const title = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

/** Shows the status. What is read aloud changes only with the status and its causes. */
export function showHealth({ health, at }) {
  const { status } = health;
  attribute(byId("health"), "data-status", status);
  attribute(byId("status-mark"), "href", `#mark-${status}`);
  text(byId("status-word"), WORDS[status]);
  text(byId("status-line"), line(health));
  const check = health.last_check ? `checked ${ago(health.last_check, at)}` : "";
  text(byId("status-check"), check);
  document.title = `${WORDS[status]} · Larder`;
  showCauses(health, at);
  showChecks(health.probes);
}

function line(health) {
  if (!health.since) return "The first check is under way.";
  const since = `since ${clock(health.since)}`;
  if (health.status === "healthy") return `All checks pass, ${since}.`;
  const bad = health.probes.filter((probe) => isBad(probe.status)).length;
  return `${bad} of ${health.probes.length} checks ${bad === 1 ? "is" : "are"} not well, ${since}.`;
}

const isBad = (status) => LEVELS.indexOf(status) > 0;

/** What is wrong: the causes of the report, or the checks themselves; and what to look at. */
function troubles(health) {
  const causes = health.causes ?? [];
  const probes = new Map(health.probes.map((probe) => [probe.name, probe]));
  if (causes.length > 0) {
    return causes.map((cause) => {
      const name = cause.probe ?? cause.name;
      return { ...probes.get(name), ...cause, name };
    });
  }
  const bad = health.probes.filter((probe) => isBad(probe.status));
  const warnings = health.probes.filter((probe) => probe.status === "healthy" && probe.reason);
  bad.sort((one, other) => LEVELS.indexOf(other.status) - LEVELS.indexOf(one.status));
  return [...bad, ...warnings.map((probe) => ({ ...probe, isWarning: true }))];
}

function showCauses(health, at) {
  const create = () =>
    make(
      "article",
      { class: "cause" },
      make("h3", {}, make("span", { class: "dot", "aria-hidden": "true" }), make("span"), make("small")),
      make("p", { class: "reason" }),
      make("p", { class: "cure" }),
      make("p", { class: "follows" }),
    );
  keep(byId("causes"), troubles(health), (trouble) => trouble.name, create, (card, trouble) => {
    const [head, reason, cure, follows] = card.children;
    attribute(card, "data-status", trouble.status);
    attribute(card, "class", trouble.isWarning ? "cause warning" : "cause");
    text(head.children[1], title(trouble.name));
    const since = trouble.since ? seconds((new Date(at) - new Date(trouble.since)) / 1000) : "";
    text(head.children[2], trouble.isWarning ? "worth a look" : `${trouble.status} for ${since}`);
    text(reason, sentence(trouble.reason ?? "gave no reason"));
    cure.hidden = !trouble.cure;
    text(cure, sentence(trouble.cure ?? ""));
    const explained = trouble.explains ?? [];
    follows.hidden = explained.length === 0;
    text(follows, `It explains: ${explained.map(title).join(", ")}`);
  });
}

function sentence(words) {
  const start = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(start) || start === "" ? start : `${start}.`;
}

function showChecks(probes) {
  const create = () =>
    make(
      "li",
      {},
      make("span", { class: "dot", "aria-hidden": "true" }),
      make("span", { class: "check-name" }),
      make("span", { class: "check-value" }),
      make("span", { class: "check-status" }),
    );
  keep(byId("checks"), probes, (probe) => probe.name, create, (item, probe) => {
    attribute(item, "data-status", probe.status);
    attribute(item, "title", probe.reason ?? null);
    text(item.children[1], title(probe.name));
    text(item.children[2], observed(probe.observed));
    text(item.children[3], probe.status === "healthy" ? "ok" : probe.status);
  });
}

/** The last changes of the status, each with the first of its reasons. */
export function showChanges({ transitions }) {
  const create = () => make("li", {}, make("time"), make("b"), make("span"));
  keep(byId("changes"), transitions.slice(0, 5), (change) => change.at, create, (item, change) => {
    const [time, status, reason] = item.children;
    attribute(item, "data-status", change.to);
    attribute(time, "datetime", change.at);
    text(time, clock(change.at));
    text(status, WORDS[change.to]);
    const [first = "", ...others] = change.reasons;
    text(reason, others.length > 0 ? `${first} (and ${others.length} more)` : first);
    attribute(item, "title", change.reasons.join("; ") || null);
  });
}

/** A strip of the last 15 minutes: one piece for each run of the same status. */
export function showTimeline(history) {
  const strip = byId("timeline");
  const width = 900;
  const last = history.at.at(-1);
  if (last === undefined) return;
  const first = last - width * 1000;
  const pieces = [];
  history.at.forEach((at, index) => {
    const level = history.status[index];
    const status = level == null ? "unknown" : LEVELS[level];
    const piece = pieces.at(-1);
    if (piece?.status === status) piece.end = at;
    else pieces.push({ status, start: piece?.end ?? at - 1000, end: at });
  });
  keep(
    strip,
    pieces.filter((piece) => piece.end > first),
    (piece) => piece.start,
    () => draw("rect", { y: 0, height: 10 }, draw("title")),
    (rect, piece) => {
      const start = Math.max(0, (piece.start - first) / 1000);
      attribute(rect, "data-status", piece.status);
      attribute(rect, "x", start);
      attribute(rect, "width", Math.max(1, (piece.end - first) / 1000 - start));
      text(rect.firstElementChild, `${WORDS[piece.status]} from ${clock(piece.start)} to ${clock(piece.end)}`);
    },
  );
}
