/** From scores to one answer: match, ambiguous or unknown. Spec: "The decision". */

import { WebAppError, say } from "./languages/strings.js";

const TAIL = 0.1; // added to the distance 1 - score
const SECOND_FLOOR = 0.3;
const LARGEST = 1e6; // no coefficient is larger
const MIN_UNKNOWN = 0.5;
const CANDIDATE_SHARE = 0.8;
export const MATCH_CANDIDATES = 10; // products with the best rows that are scored and judged
const DEFAULT_MIN_PROBABILITY = 0.95;
const DEFAULT_POSTERIOR = { concentration: 10.94, offset: 3.37, second: 6.32, size: 0 };

/**
 * @typedef {{index: number, score: number, probability?: number}} Scored a product's index in the
 *   catalog, its score, and the probability that the photo shows it
 * @typedef {{decision: "match"|"ambiguous"|"unknown", confidence: number,
 *   unknownProbability: number, basis: string, matches: Scored[], candidates: Scored[]}} Answer
 */

/**
 * A catalog's calibration; what a file may not hold is refused as Python refuses it.
 *
 * @param {string} text JSON
 * @returns {Object} keys that the file lacks are missing
 * @throws {WebAppError} no object, no finite number, or a number out of its range
 */
export function readCalibration(text) {
  let sound = false;
  let values;
  try {
    values = JSON.parse(text);
    sound = inRange(values);
  } catch {
    // not JSON
  }
  if (!sound) throw new WebAppError(say.catalogWithout({ what: "calibration" }));
  return values;
}

function inRange(values) {
  if (!isObject(values)) return false;
  const { min_probability: least = DEFAULT_MIN_PROBABILITY, threshold = 0.5 } = values;
  const { basis = "default", view_similarity: seen = 0 } = values;
  if (![least, threshold, seen].every(isNumber) || typeof basis !== "string") return false;
  if (!(least >= 0.5 && least < 1 && [threshold, seen].every(isCosine))) return false;
  if (!("posterior" in values)) return true;
  if (!isObject(values.posterior)) return false;
  const { concentration, offset, second, size } = { ...DEFAULT_POSTERIOR, ...values.posterior };
  if (![concentration, offset, second, size].every(isNumber)) return false;
  return size >= 0 && second >= 0 && second < concentration;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isCosine = (value) => value >= -1 && value <= 1;
const isNumber = (value) => typeof value === "number" && Math.abs(value) <= LARGEST;

/**
 * Judge the best matches by the posterior.
 *
 * @param {Scored[]} matches best first, the max(k, 10) that were scored; the first 10 are judged
 * @param {number} products how many the catalog has
 * @param {Object} calibration from the catalog; every key may be missing
 * @returns {Answer} confidence is the probability that the first is right, 0 to 1
 */
export function decide(matches, products, calibration) {
  const { min_probability: least = DEFAULT_MIN_PROBABILITY, basis = "default" } = calibration;
  const posterior = posteriorOf(calibration, least);
  const judged = matches.slice(0, MATCH_CANDIDATES);
  const shares = probabilities(judged, products, posterior);
  const unknownProbability = shares.pop();
  const answer = {
    decision: "unknown",
    confidence: shares[0] ?? 0,
    unknownProbability,
    basis,
    matches: matches.map((match, i) => ({ ...match, probability: shares[i] })),
    candidates: [],
  };
  if (unknownProbability > MIN_UNKNOWN) return answer;
  if (answer.confidence >= least) return { ...answer, decision: "match" };
  return { ...answer, decision: "ambiguous", candidates: candidatesOf(answer.matches.slice(0, judged.length)) };
}

/** The coefficients; those of an earlier rule, a measured threshold, as Python takes them over. */
function posteriorOf({ posterior, threshold, basis }, least) {
  const found = { ...DEFAULT_POSTERIOR, ...posterior };
  if (posterior || basis !== "measured" || threshold === undefined) return found;
  const { concentration, second } = found;
  const odds = Math.log(least / (1 - least));
  found.offset = concentration * closeness(threshold) - second * closeness(SECOND_FLOOR) - odds;
  return found;
}

/** The probability of each product and, last, of "not enrolled". */
function probabilities(matches, products, { concentration, offset, second, size }) {
  if (!matches.length) return [1];
  const floored = Math.max(matches[1]?.score ?? SECOND_FLOOR, SECOND_FLOOR);
  const none = offset + second * closeness(floored) + size * Math.log(Math.max(products, 1));
  const logs = [...matches.map((match) => concentration * closeness(match.score)), none];
  const highest = Math.max(...logs);
  const weights = logs.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

const closeness = (score) => -Math.log(1 + TAIL - Math.min(score, 1));

/** The fewest products that have CANDIDATE_SHARE of all products' probability together. */
function candidatesOf(matches) {
  const total = matches.reduce((sum, match) => sum + match.probability, 0);
  const candidates = [];
  let reached = 0;
  for (const match of matches) {
    if (reached >= CANDIDATE_SHARE * total && match.score < candidates.at(-1).score) break;
    candidates.push(match);
    reached += match.probability;
  }
  return candidates;
}
