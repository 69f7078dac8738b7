// The dashboard: what does not change, what was, and then what is, each second.

import { actions } from "./actions.js";
import { Charts, chooseRange } from "./charts.js";
import { byId, text } from "./elements.js";
import { seconds } from "./format.js";
import { showChanges, showHealth, showTimeline } from "./health.js";
import { listen } from "./live.js";
import { statements } from "./statements.js";
import * as tables from "./tables.js";
import { tiles } from "./tiles.js";

/** As many readings as the instance keeps. */
const LONGEST = 900;

const load = async (path) => (await fetch(path)).json();

const [context, history] = await Promise.all([load("api/context"), load("api/history")]);
byId("logout").hidden = !context.has_token;

const charts = new Charts(byId("charts"), history);
chooseRange(charts);
const fillTiles = tiles();
const fillSessions = tables.sessions(actions(context));
const fillServices = tables.services();
const fillStatements = statements();

/** Adds a reading to the columns of the history. */
function append(sample) {
  if (!sample || sample.at <= (history.at.at(-1) ?? 0)) return;
  for (const [name, column] of Object.entries(history)) {
    if (name !== "services") column.push(sample[name] ?? null);
  }
  const { services } = history;
  for (const name of Object.keys(sample.services)) {
    services[name] ??= new Array(history.at.length - 1).fill(null);
  }
  for (const [name, column] of Object.entries(services)) column.push(sample.services[name] ?? null);
  if (history.at.length <= LONGEST) return;
  for (const column of [...Object.values(history), ...Object.values(services)]) column.shift?.();
}

function show(picture) {
  append(picture.sample);
  showHealth(picture);
  showChanges(picture);
  showTimeline(history);
  fillTiles(picture, history);
  charts.draw();
  fillStatements(picture);
  fillSessions(picture);
  tables.pool(picture);
  fillServices(picture);
  tables.cache(picture);
  tables.replicas(picture);
  tables.events(picture);
  const server = context.database === "embedded" ? "embedded PostgreSQL" : "PostgreSQL";
  text(byId("where"), [context.instance, context.profile, `${server} ${context.server_version}`].join(" · "));
  text(byId("about"), `Larder ${context.version} · up ${seconds(picture.uptime_seconds)} · read from memory, no query is sent for this page`);
}

/** After the line was lost, what was missed is fetched. */
async function catchUp() {
  const missed = await load("api/history");
  Object.assign(history, missed);
}

listen(show, catchUp);
