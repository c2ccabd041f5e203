/**
 * The texts of a page in the browser's language.
 *
 * A text is a string. A string with names in braces becomes a function that takes their values; of
 * plural forms, the one for `count` is taken (Intl.PluralRules).
 */

import ar from "./ar.js";
import de from "./de.js";
import en from "./en.js";
import es from "./es.js";
import fr from "./fr.js";

const LANGUAGES = { en, de, es, fr, ar };
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}]/u;

/** An error whose message is one clear line for the person who holds the phone. */
export class WebAppError extends Error {}

/**
 * The first of a browser's languages that there are texts for, with its region: "de-AT".
 * @param {readonly string[]} wanted @returns {string} a language tag (BCP 47)
 */
export function chosen(wanted) {
  return wanted.find((tag) => Object.hasOwn(LANGUAGES, tag.split("-")[0].toLowerCase())) ?? "en";
}

/**
 * All texts for a language tag.
 * @param {string} tag as `chosen` gives it
 */
export function textsIn(tag) {
  const texts = LANGUAGES[tag.split("-")[0].toLowerCase()];
  const rules = new Intl.PluralRules(tag);
  const numbers = new Intl.NumberFormat(tag);
  const shown = (value) => {
    if (typeof value === "number") return numbers.format(value);
    const foreign = texts.direction === "rtl" || RIGHT_TO_LEFT.test(value);
    return foreign ? `\u2068${value}\u2069` : value; // isolated, so that it turns no words around it
  };
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
  const made = (entry) => {
    if (typeof entry === "string") return entry.includes("{") ? (values) => filled(entry, values) : entry;
    if ("other" in entry) {
      return (values) => filled(entry[rules.select(values.count)] ?? entry.other, values);
    }
    const entries = Object.entries(entry).map(([key, value]) => [key, made(value)]);
    return Object.assign(Object.create(null), Object.fromEntries(entries));
  };
  return made(texts);
}

/** The language tag of this page, for numbers too. */
export const locale = chosen(globalThis.navigator?.languages ?? []);

export const say = textsIn(locale);

/** 0.5 -> "50 %". @param {number} share */
export const percent = (share) =>
  new Intl.NumberFormat(locale, { style: "percent" }).format(share);

/** "a, b or c". @param {string[]} names */
export const anyOf = (names) =>
  new Intl.ListFormat(locale, { type: "disjunction" }).format(names);

/**
 * A probability in words, and how often such an answer is right.
 * @param {number} probability 0 to 1
 * @returns {{word: string, often: string}}
 */
export function likely(probability) {
  const { sure } = say;
  const words = [[0.99, sure.certain], [0.9, sure.very], [0.7, sure.likely], [0, sure.perhaps]];
  const [, word] = words.find(([from]) => probability >= from) ?? words.at(-1);
  const right = Math.min(99, Math.max(1, Math.round(100 * probability)));
  return { word, often: sure.often({ right }) };
}

/**
 * What a server has refused, for a person. Its own sentence is English and exact: it follows in
 * other languages in parentheses.
 * @param {number} status of HTTP @param {{detail?: string, what?: string}|null} problem RFC 9457
 */
export function refusal(status, problem) {
  const { refused } = say;
  const known = {
    404: refused.gone,
    409: problem?.what === "name" ? refused.taken : refused.changed,
    413: refused.tooMuch,
    422: refused.unusable,
    429: refused.busy,
    503: refused.busy,
    507: refused.full,
  };
  const sentence = known[status] ?? refused.fault;
  if (!problem?.detail) return sentence;
  return locale.startsWith("en") ? problem.detail : `${sentence} (\u2066${problem.detail}\u2069)`;
}

/**
 * Give the page its language and direction, and fill in the texts that its elements name; values of
 * a text are the element's other data attributes: <p data-say="trust.apple2" data-name="Shop">.
 */
export function localise(page) {
  page.documentElement.lang = locale;
  page.documentElement.dir = say.direction;
  for (const element of page.querySelectorAll("[data-say]")) {
    element.textContent = textOf(element.dataset.say, element.dataset);
  }
  for (const image of page.querySelectorAll("[data-say-alt]")) {
    image.alt = textOf(image.dataset.sayAlt, image.dataset);
  }
  for (const element of page.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", textOf(element.dataset.sayLabel));
  }
}

/** The text with a path such as "edit.save". */
function textOf(path, values) {
  const text = path.split(".").reduce((texts, key) => texts[key], say);
  return typeof text === "function" ? text(values) : text;
}

/** An attribute's name for people: "price" -> "Price". @param {string} key */
export function labelOf(key) {
  const [first = "", ...rest] = key;
  return say.columns[key.toLowerCase()] ?? first.toUpperCase() + rest.join("").replaceAll("_", " ");
}
