// The token of a link's fragment, or a typed one, becomes the cookie of this server.
"use strict";

const field = document.getElementById("token");
const said = document.getElementById("answer");

function say(text, kind) {
  const line = document.createElement("p");
  line.textContent = text;
  line.className = kind;
  said.replaceChildren(line);
}

async function enter(token) {
  say("Opening …", "soft");
  try {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch("/session", { method: "POST", headers });
    if (response.ok) {
      if (location.pathname === "/enter") location.replace("/");
      else location.reload();
      return;
    }
    if (response.status === 401) say("The token is wrong, or was changed. Scan the code again.", "error");
    else say((await response.json()).detail, "error");
  } catch (error) {
    // A token with characters that no header may have is a TypeError too.
    const wrong = /[^\x21-\x7e]/.test(token);
    say(wrong ? "The token is wrong." : "The server cannot be reached.", "error");
  }
  field.focus();
}

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(field.value.trim());
});

const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname); // not in the history, nor in a bookmark
  enter(token);
}
