// Sessions, the pool, services, the cache, replicas and events.

import { attribute, byId, facts, keep, make, table, text } from "./elements.js";
import { bytes, clock, count, milliseconds, number, observed, percent, seconds } from "./format.js";

/** From which age on a session is marked, in milliseconds. */
const OLD = { warning: 5_000, bad: 30_000 };

/** The sessions; `cancel` is called with one to be cancelled, or is null where that is off. */
export function sessions(cancel) {
  const columns = [
    {
      name: "Holder",
      class: "main",
      create: (cell) => cell.append(make("span", { class: "strong" }), make("code", { class: "faint" })),
      fill: (cell, session) => {
        text(cell.firstElementChild, session.name ?? "");
        cell.firstElementChild.hidden = !session.name;
        text(cell.lastElementChild, session.location);
      },
    },
    {
      name: "State",
      create: (cell) => cell.append(make("span", { class: "chip" })),
      fill: (cell, session) => {
        text(cell.firstElementChild, session.is_busy ? "running" : "idle");
        attribute(cell.firstElementChild, "data-kind", session.is_busy ? "running" : "idle");
      },
    },
    {
      name: "Age",
      class: "number",
      fill: (cell, { held_ms }) => {
        text(cell, held_ms < 1000 ? milliseconds(held_ms) : seconds(held_ms / 1000));
        attribute(cell, "data-level", held_ms > OLD.bad ? "bad" : held_ms > OLD.warning ? "warning" : null);
      },
    },
  ];
  if (cancel) {
    columns.push({
      name: "",
      class: "act",
      create: (cell, session) => {
        const button = make("button", { type: "button", class: "action" }, "Cancel…");
        button.addEventListener("click", () => cancel(cell.session ?? session));
        cell.append(button);
      },
      fill: (cell, session) => {
        cell.session = session;
        const button = cell.firstElementChild;
        button.disabled = !session.is_busy;
        const who = session.name ?? session.location;
        attribute(button, "aria-label", `Cancel the statement of ${who}`);
      },
    });
  }
  const fill = table(byId("session-table"), {
    columns,
    keyOf: (session) => session.id,
    caption: "Sessions that hold a connection, the longest first",
    empty: "Nobody holds a connection right now.",
  });
  return (picture) => {
    // Those that come and go within a moment would only flicker.
    const { held } = picture;
    const steady = picture.sessions.filter((session) => session.held_ms >= held.brief_ms);
    fill(steady);
    const others = [
      held.steady > steady.length && `${number(held.steady - steady.length)} more that are not shown`,
      held.brief > 0 && `${number(held.brief)} held for less than ${held.brief_ms} ms`,
    ];
    const words = others.filter(Boolean).join(", ");
    text(byId("sessions-note"), words && `and ${words}`);
  };
}

/** How the pool is used. */
export function pool(picture) {
  const { pool } = picture;
  const most = pool.size + pool.overflow;
  text(byId("pool-note"), pool.name);
  const gauge = byId("pool-gauge");
  const kinds = [
    ["used", pool.used],
    ["idle", pool.idle],
    ["free", Math.max(0, most - pool.used - pool.idle)],
  ];
  keep(gauge, kinds, ([kind]) => kind, ([kind]) => make("span", { class: kind }), (part, [, share]) => {
    part.hidden = share === 0;
    part.style.flexGrow = share;
  });
  attribute(gauge, "aria-label", `${pool.used} in use, ${pool.idle} idle, of at most ${most}`);
  facts(byId("pool-facts"), [
    ["In use", count(pool.used)],
    ["Idle", count(pool.idle)],
    ["Waiting", count(pool.waiting), pool.waiting > 0 ? "warning" : null],
    pool.connecting > 0 && ["Connecting", count(pool.connecting)],
    ["Timed out", count(pool.timeouts), pool.timeouts > 0 ? "warning" : null],
    ["Sent away", count(pool.shed + pool.turned_away), pool.shed + pool.turned_away > 0 ? "warning" : null],
    ["Thrown away", count(pool.invalidated)],
    ["Limit now", `${pool.limit} of at most ${most}`],
    pool.suggested !== pool.limit && ["Suggested limit", count(pool.suggested)],
    pool.lanes > 0 && ["Lanes", count(pool.lanes)],
    pool.last_connect_error && ["Last error", pool.last_connect_error, "bad"],
  ]);
}

/** What services did. */
export function services() {
  const share = {
    create: (cell) => {
      const bar = make("span", { class: "meter", "aria-hidden": "true" }, make("span"));
      cell.append(make("span"), bar);
    },
    fill: (cell, [, service]) => {
      const reads = service.hits + service.misses;
      text(cell.firstElementChild, reads > 0 ? percent(service.hit_rate) : "–");
      cell.lastElementChild.hidden = reads === 0;
      cell.lastElementChild.firstElementChild.style.width = `${service.hit_rate * 100}%`;
    },
  };
  const numeric = (name, value, level) => ({
    name,
    class: "number",
    fill: (cell, [, service]) => {
      text(cell, value(service));
      attribute(cell, "data-level", level?.(service) ?? null);
    },
  });
  const fill = table(byId("service-table"), {
    columns: [
      { name: "Service", class: "main strong", fill: (cell, [name]) => text(cell, name) },
      { name: "Cache hits", class: "share", ...share },
      numeric("Calls", (service) => count(service.calls)),
      numeric("Statements", (service) => count(service.queries)),
      numeric("Mean", (service) => milliseconds(service.calls > 0 ? service.avg_ms : null)),
      numeric("Errors", (service) => count(service.errors), (service) => (service.errors > 0 ? "warning" : null)),
    ],
    keyOf: ([name]) => name,
    caption: "Services, with what the cache answered of their reads",
    empty: "No service was called yet.",
  });
  return (picture) => fill(Object.entries(picture.services));
}

/** The tiers of the cache, and the log of invalidations. */
export function cache({ cache }) {
  const { follower, redis } = cache;
  const causes = Object.entries(cache.invalidations).map(([cause, number]) => `${count(number)} ${cause}`);
  facts(byId("cache-facts"), [
    ["Process", cache.enabled ? `${count(cache.entries)} entries, ${bytes(cache.bytes)}` : "switched off"],
    [
      "Redis",
      cache.redis_available == null ? "not used" : cache.redis_available ? "answers" : "does not answer",
      cache.redis_available === false ? "warning" : null,
    ],
    redis && ["Read from Redis", `${count(redis.found)} of ${count(redis.gets)}`],
    follower && [
      "Log of invalidations",
      follower.has_lease ? `read ${milliseconds(follower.since_last_poll_ms)} ago` : "not read in time",
      follower.has_lease ? null : "warning",
    ],
    follower && ["A look takes", milliseconds(follower.last_poll_ms)],
    ["Evicted", count(cache.evictions)],
    causes.length > 0 && ["Invalidated by", causes.join(", ")],
    cache.switched_off.length > 0 && ["Switched off", cache.switched_off.join(", "), "warning"],
  ]);
}

/** The servers that follow the primary, as the last check found them. */
export function replicas({ health }) {
  const check = health.probes.find(({ name }) => name === "replicas");
  const found = check?.observed;
  const isLag = found?.unit === "s";
  const level = { degraded: "warning", unhealthy: "bad", critical: "bad" }[check?.status] ?? null;
  facts(byId("replica-facts"), [
    isLag && ["Lag of the slowest", observed(found), level],
    found && !isLag && ["Replicas", number(found.value)],
    found && !isLag && ["Lag", "not told to this role"],
  ]);
  const words = replicaWords(health, check);
  byId("replica-note").hidden = words === "";
  text(byId("replica-note"), words);
}

function replicaWords(health, check) {
  if (!check) return "Not known: nothing here checks them.";
  if (!health.last_check) return "Not checked yet.";
  if (check.reason) return `${check.reason.charAt(0).toUpperCase()}${check.reason.slice(1)}.`;
  return check.observed ? "" : "None is connected to the primary.";
}

/** What happened, the latest first. */
export function events({ events }) {
  const list = byId("event-list");
  const create = () =>
    make(
      "li",
      {},
      make("time"),
      make("span", { class: "dot", "aria-hidden": "true" }),
      make("span", { class: "event-text" }),
      make("span", { class: "times" }),
    );
  keep(list, events, (event) => event.id, create, (item, event) => {
    const [time, , words, times] = item.children;
    attribute(item, "data-level", event.level);
    attribute(time, "datetime", event.at);
    text(time, clock(event.at));
    text(words, `${event.subject.charAt(0).toUpperCase()}${event.subject.slice(1)}: ${event.text}`);
    text(times, event.count > 1 ? `× ${number(event.count)}` : "");
  });
  attribute(list, "data-empty", events.length === 0 ? "Nothing happened yet." : null);
}
