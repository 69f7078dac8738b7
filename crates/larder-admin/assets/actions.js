// What may be done from here, each after a question.

import { byId, text } from "./elements.js";

let csrf = "";

/** Makes the dialogs ready. Gives what asks before a session is cancelled, or null where it is off. */
export function actions(context) {
  if (!context.actions || !context.csrf) return null;
  csrf = context.csrf;
  const button = byId("invalidate");
  button.hidden = false;
  button.addEventListener("click", () =>
    ask(byId("invalidate-dialog"), () => ["invalidate", { tag: byId("invalidate-tag").value.trim() }]),
  );
  return (session) => {
    text(byId("cancel-who"), `${session.name ?? "A session"} at ${session.location}`);
    ask(byId("cancel-dialog"), () => ["cancel", { session: session.id }]);
  };
}

/** Opens a dialog, and does what it is for when that is confirmed. */
function ask(dialog, wish) {
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  problem.hidden = true;
  form.reset();
  dialog.querySelector('[value="cancel"]').onclick = () => dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const [name, body] = wish();
    const answer = await post(name, body);
    if (answer.ok) {
      dialog.close();
      toast(answer.detail);
    } else {
      text(problem, answer.detail);
      problem.hidden = false;
    }
  };
  dialog.showModal();
}

async function post(name, body) {
  try {
    const answer = await fetch(`api/actions/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Larder-Csrf": csrf },
      body: JSON.stringify(body),
    });
    const { detail } = await answer.json();
    return { ok: answer.ok, detail };
  } catch {
    return { ok: false, detail: "The instance does not answer." };
  }
}

let fading;

function toast(words) {
  const element = byId("toast");
  text(element, words);
  element.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => {
    element.hidden = true;
  }, 5000);
}
