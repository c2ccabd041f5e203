// The token of a link's fragment, or a typed one, becomes the cookie of this server.

import { localise, refusal, say } from "./languages/strings.js";

const field = document.getElementById("token");
const said = document.getElementById("answer");
const editing = `${location.pathname}/`.startsWith("/edit/");

function show(text, kind) {
  const line = document.createElement("p");
  line.textContent = text;
  line.className = kind;
  said.replaceChildren(line);
}

async function enter(token) {
  show(say.enter.opening, "soft");
  try {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(editing ? "/edit/session" : "/session", { method: "POST", headers });
    if (response.ok) {
      if (location.pathname === "/enter") location.replace("/");
      else location.reload();
      return;
    }
    const problem = await response.json();
    const wrong = editing ? say.enter.wrong : say.enter.changed;
    if (response.status !== 401) show(refusal(response.status, problem), "error");
    else show(problem.got === "the token to look up" ? say.enter.lookUpToken : wrong, "error");
  } catch (error) {
    // A token with characters that no header may have is a TypeError too.
    show(/[^\x21-\x7e]/.test(token) ? say.enter.wrong : say.serve.noServer, "error");
  }
  field.focus();
}

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(field.value.trim());
});

localise(document);
if (editing) document.getElementById("hint").textContent = say.enter.hintEditing;

const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname); // not in the history, nor in a bookmark
  enter(token);
}
