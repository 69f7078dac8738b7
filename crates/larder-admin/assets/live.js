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
  let source;
  let heard = Date.now();
  let pause = PAUSES[0];
  let wasLost = false;

  const connect = () => {
    source = new EventSource("api/live");
    source.addEventListener("picture", async (event) => {
      heard = Date.now();
      pause = PAUSES[0];
      show("live");
      if (wasLost) {
        wasLost = false;
        await onAgain();
      }
      onPicture(JSON.parse(event.data));
    });
    source.addEventListener("error", lose);
  };

  const lose = () => {
    source.close();
    if (!wasLost) show("lost");
    wasLost = true;
    setTimeout(() => leaveIfSignedOut().then(connect), pause * 1000);
    pause = Math.min(pause * 2, PAUSES[1]);
    heard = Date.now() + pause * 1000;
  };

  // A line that was cut says nothing at all.
  setInterval(() => {
    if (!document.hidden && Date.now() - heard > SILENCE * 1000) lose();
  }, 1000);
  connect();
}

/** A visit may have ended: then the form is where to go. */
async function leaveIfSignedOut() {
  const answer = await fetch("api/context").catch(() => null);
  if (answer?.status === 401) location.assign("login");
}

function show(state) {
  const link = byId("link");
  attribute(link, "data-state", state);
  attribute(document.documentElement, "data-link", state);
  text(byId("link-word"), WORDS[state]);
}
