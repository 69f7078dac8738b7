// What the instance tells each second, and telling whether it still does.

import { attribute, byId, text } from "./elements.js";

/** Seconds without a word after which the line counts as dead. */
const SILENCE = 5;
/** Seconds between attempts: the first, and the longest. */
const PAUSES = [1, 10];

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  lost: "Reconnecting",
};

/** Calls `onPicture` with each picture, and `onAgain` after the line was lost. */
export function listen(onPicture, onAgain) {
  // There is one line, or one attempt at it under way, and never both: a browser has few
  // connections for a host, and the instance few places.
  let line = null;
  let heard = 0;
  let pause = PAUSES[0];
  let wasLost = false;

  const connect = () => {
    const own = new EventSource("api/live");
    line = own;
    heard = Date.now();
    own.addEventListener("picture", async (event) => {
      if (own !== line) return;
      heard = Date.now();
      pause = PAUSES[0];
      show("live");
      if (wasLost) {
        wasLost = false;
        await onAgain();
      }
      onPicture(JSON.parse(event.data));
    });
    own.addEventListener("error", () => {
      if (own === line) lose();
    });
  };

  const lose = () => {
    line.close();
    line = null;
    if (!wasLost) show("lost");
    wasLost = true;
    setTimeout(() => leaveIfSignedOut().then(connect), pause * 1000);
    pause = Math.min(pause * 2, PAUSES[1]);
  };

  // A line that was cut says nothing at all.
  setInterval(() => {
    if (line && !document.hidden && Date.now() - heard > SILENCE * 1000) lose();
  }, 1000);
  connect();
}

/** A visit may have ended: then the form is where to go. Who says nothing is not waited for. */
async function leaveIfSignedOut() {
  const signal = AbortSignal.timeout(SILENCE * 1000);
  const answer = await fetch("api/context", { signal }).catch(() => null);
  if (answer?.status === 401) location.assign("login");
}

function show(state) {
  const link = byId("link");
  attribute(link, "data-state", state);
  attribute(document.documentElement, "data-link", state);
  text(byId("link-word"), WORDS[state]);
}
