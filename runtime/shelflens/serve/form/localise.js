// Fills a page of texts alone in the browser's language.

import { localise } from "./languages/strings.js";

localise(document);
document.title = document.querySelector("h1").textContent;
