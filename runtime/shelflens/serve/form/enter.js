// The token of a link's fragment, or a typed one, becomes the cookie of this server.
"use strict";

const field = document.getElementById("token");
const said = document.getElementById("answer");
const editing = `${location.pathname}/`.startsWith("/edit/");

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
    const response = await fetch(editing ? "/edit/session" : "/session", { method: "POST", headers });
    if (response.ok) {
      if (location.pathname === "/enter") location.replace("/");
      else location.reload();
      return;
    }
    const { got, detail } = await response.json();
    if (response.status !== 401) say(detail, "error");
    else if (got === "the token to look up") say("That is the token to look up. Editing needs another.", "error");
    else say(editing ? "The token is wrong." : "The token is wrong, or was changed. Scan the code again.", "error");
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

if (editing) document.getElementById("hint").textContent = "Type the token of those who may edit.";

const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname); // not in the history, nor in a bookmark
  enter(token);
}
