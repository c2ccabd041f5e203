/** From scores to one answer: match, ambiguous or unknown. Spec: "The decision". */

const MARGIN_CAP = 0.2;
const DEFAULT_SLOPE = 20;

/**
 * @typedef {{index: number, score: number}} Scored a product's index in the catalog, and its score
 * @typedef {{decision: "match"|"ambiguous"|"unknown", confidence: number, basis: string,
 *   matches: Scored[], candidates: Scored[]}} Answer
 */

/**
 * Judge the best matches by a threshold and a margin.
 *
 * @param {Scored[]} matches best first, the max(k, 10) that were scored
 * @param {Object} calibration from the catalog; every key may be missing
 * @returns {Answer} confidence is the probability that the first is right, 0 to 1
 */
export function decide(matches, calibration) {
  const { threshold = 0.5, margin: minMargin = 0.02, basis = "default" } = calibration;
  const answer = { decision: "unknown", confidence: 0, basis, matches, candidates: [] };
  if (!matches.length) return answer;
  const first = matches[0].score;
  const margin = matches.length > 1 ? first - matches[1].score : MARGIN_CAP;
  const curve = calibration.confidence ?? [-DEFAULT_SLOPE * (threshold + minMargin), DEFAULT_SLOPE, DEFAULT_SLOPE];
  answer.confidence = probability(curve, first, margin);
  if (first < threshold) return answer;
  answer.decision = "match";
  if (matches.length > 1 && margin < minMargin) {
    answer.decision = "ambiguous";
    answer.candidates = matches.filter((match) => first - match.score < minMargin);
  }
  return answer;
}

function probability([a, b, c], score, margin) {
  return 1 / (1 + Math.exp(-(a + b * score + c * Math.min(margin, MARGIN_CAP))));
}
