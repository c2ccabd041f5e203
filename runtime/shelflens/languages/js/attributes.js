/** Attributes as people read them: prices with their currency and amounts with their unit, by Intl. */

import { locale } from "./strings.js";

const HIDDEN = new Set(["name", "picture"]); // shown elsewhere
const NUMBER = /^([0-9]+)(?:([.,])([0-9]+))?$/;
const UNITS = {
  g: "gram", kg: "kilogram", oz: "ounce", lb: "pound",
  ml: "milliliter", l: "liter", "fl oz": "fluid-ounce",
  mm: "millimeter", cm: "centimeter", m: "meter", in: "inch", ft: "foot",
  min: "minute", h: "hour", "%": "percent",
};

/**
 * The attributes to show, in their order.
 * @param {Object<string, string>} attributes
 * @param {string} [tag] language (BCP 47)
 * @returns {[string, string][]} key and text; what is no plain number stays as it is
 */
export function shownAttributes(attributes, tag = locale) {
  const keys = new Map(Object.keys(attributes).map((key) => [key.toLowerCase(), key]));
  const used = new Set(); // attributes that say what another is measured in
  const shown = [];
  for (const [key, text] of Object.entries(attributes)) {
    const lower = key.toLowerCase();
    if (HIDDEN.has(lower)) continue;
    const isPrice = lower === "price" || lower.endsWith("_price");
    const by = keys.get(isPrice ? "currency" : `${lower}_unit`);
    const measure = isPrice ? priceIn : amountIn;
    const [, number = text, own] = /^([\d.,]+)\s*([^\d\s.,].*)$/.exec(text.trim()) ?? [];
    const known = own ? measure(number, own, tag) : by && measure(number, attributes[by], tag);
    if (known && by && !own) used.add(by);
    shown.push([key, known || text]);
  }
  return shown.filter(([key]) => !used.has(key));
}

/** The price, or null. @param {Object<string, string>} attributes */
export const priceOf = (attributes) =>
  shownAttributes(attributes).find(([key]) => key.toLowerCase() === "price")?.[1] ?? null;

/** "4.69", "EUR" -> "€4.69"; null for what is no number or no currency code (ISO 4217). */
function priceIn(text, currency, tag) {
  const value = numberOf(text);
  if (value === null || !/^[A-Za-z]{3}$/.test(currency)) return null;
  return new Intl.NumberFormat(tag, { style: "currency", currency: currency.toUpperCase() }).format(value);
}

/** "500", "g" -> "500 g"; null for what is no number or no unit that Intl knows. */
function amountIn(text, unit, tag) {
  const value = numberOf(text);
  const short = unit.trim().toLowerCase();
  if (value === null || !Object.hasOwn(UNITS, short)) return null;
  const options = { style: "unit", unit: UNITS[short], maximumFractionDigits: 6 };
  return new Intl.NumberFormat(tag, options).format(value);
}

/** "4.69" and "4,69" are numbers; "1,234" is none, which is 1234 to some and 1.234 to others. */
function numberOf(text) {
  const [, whole, separator, decimals = ""] = NUMBER.exec(text) ?? [];
  if (whole === undefined || (whole.length > 1 && whole[0] === "0")) return null;
  if (separator === "," && decimals.length === 3 && whole !== "0") return null;
  return Number(`${whole}.${decimals || 0}`);
}
