// The statements that took longest, each with its plan and advice.

import { attribute, byId, make, table, text } from "./elements.js";
import { ago, clock, count, milliseconds, number, percent } from "./format.js";

const open = new Set();

/** Makes the table; gives the function that fills it. */
export function statements() {
  let refill = () => {};
  const toggle = (statement) => {
    if (!open.delete(statement.fingerprint)) open.add(statement.fingerprint);
    refill();
  };
  const numeric = (name, value, level) => ({
    name,
    class: "number",
    fill: (cell, statement) => {
      text(cell, value(statement));
      attribute(cell, "data-level", level?.(statement) ?? null);
    },
  });
  const columns = [
    {
      name: "Statement",
      class: "main statement",
      create: (cell, statement) => {
        const button = make("button", { type: "button", class: "disclose" }, make("code"));
        button.addEventListener("click", () => toggle(statement));
        cell.append(button);
      },
      fill: (cell, statement) => {
        const button = cell.firstElementChild;
        const isOpen = open.has(statement.fingerprint);
        attribute(button, "aria-expanded", String(isOpen));
        attribute(button, "aria-controls", isOpen ? `plan-${statement.fingerprint}` : null);
        text(button.firstElementChild, statement.text);
      },
    },
    {
      name: "Of all time",
      class: "share",
      create: (cell) =>
        cell.append(make("span"), make("span", { class: "meter", "aria-hidden": "true" }, make("span"))),
      fill: (cell, statement) => {
        text(cell.firstElementChild, percent(statement.share));
        cell.lastElementChild.firstElementChild.style.width = `${statement.share * 100}%`;
      },
    },
    numeric("Calls", (statement) => count(statement.calls)),
    numeric("p50", (statement) => milliseconds(statement.p50_ms)),
    numeric("p95", (statement) => milliseconds(statement.p95_ms)),
    numeric("p99", (statement) => milliseconds(statement.p99_ms)),
    numeric("Slow", (statement) => count(statement.slow), (statement) => (statement.slow > 0 ? "warning" : null)),
    numeric("Errors", (statement) => count(statement.errors), (statement) => (statement.errors > 0 ? "warning" : null)),
  ];
  const fill = table(byId("statement-table"), {
    columns,
    keyOf: (statement) => statement.fingerprint,
    caption: "Statements that took longest together",
    empty: "No statement was seen yet.",
    detail: { create: createDetail, update: updateDetail },
  });
  let last = [];
  refill = () => fill(last);
  return (picture) => {
    // Of all there were, not only of those that are shown.
    const all = picture.statements_total_ms || 1;
    last = picture.statements.map((statement) => ({ ...statement, share: Math.min(1, statement.total_ms / all) }));
    refill();
  };
}

function createDetail(statement, columns) {
  const cell = make("td", { colspan: columns, role: "cell" });
  return make("tr", { class: "detail", role: "row", id: `plan-${statement.fingerprint}` }, cell);
}

function updateDetail(row, statement) {
  const isOpen = open.has(statement.fingerprint);
  row.hidden = !isOpen;
  if (!isOpen || row.loading) return;
  // Once when it is opened, and again when there is more to see.
  const seen = `${statement.slow} ${statement.has_plan}`;
  if (row.seen === seen) return;
  row.loading = true;
  fetch(`api/statements/${encodeURIComponent(statement.fingerprint)}`)
    .then((answer) => (answer.ok ? answer.json() : null))
    .then((full) => {
      row.seen = seen;
      if (full) row.firstElementChild.replaceChildren(...describe(full));
    })
    .finally(() => {
      row.loading = false;
    });
}

function describe(statement) {
  const advice = statement.advice ?? [];
  const facts = [
    ["Mean", milliseconds(statement.mean_ms)],
    ["Longest", milliseconds(statement.max_ms)],
    ["Rows a call", number(statement.rows / Math.max(1, statement.calls))],
    ["From cache", count(statement.cached)],
    ["First seen", clock(statement.first_seen)],
    ["Last seen", ago(statement.last_seen, Date.now())],
  ];
  const parts = [
    make("pre", { class: "sql", tabindex: "0", "aria-label": "Statement" }, statement.text),
    make("dl", { class: "facts across" }, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)))),
  ];
  if (statement.example) {
    parts.push(make("h4", {}, "Example"), make("pre", { class: "sql", tabindex: "0" }, statement.example));
  }
  if (advice.length > 0) {
    parts.push(make("h4", {}, "Advice"), make("ul", { class: "advice" }, ...advice.map(advise)));
  }
  parts.push(
    make("h4", {}, "Plan"),
    statement.plan
      ? make("pre", { class: "plan-text", tabindex: "0", "aria-label": "Plan" }, statement.plan.text)
      : make("p", { class: "empty" }, "No plan yet: one is taken in the background after the statement was slow."),
  );
  if (statement.plan) parts.push(make("p", { class: "faint" }, `taken ${clock(statement.plan.at)}`));
  return parts;
}

function advise(finding) {
  const item = make("li", {}, make("strong", {}, finding.title));
  for (const [name, value] of finding.evidence ?? []) {
    item.append(make("span", { class: "faint" }, ` ${name}: ${value}`));
  }
  if (finding.advice) item.append(make("p", {}, finding.advice));
  if (finding.cure_sql) item.append(make("pre", { class: "sql", tabindex: "0" }, finding.cure_sql));
  return item;
}
