/** From scores to one answer: match, ambiguous or unknown. Spec: "The decision". */

const MOST_LEAD = 0.2;
const STEEP = 20;

/**
 * @typedef {{number: number, score: number}} Scored a product's number in the catalog, and its score
 * @typedef {{decision: "match"|"ambiguous"|"unknown", confidence: number, basis: string,
 *   matches: Scored[], candidates: Scored[]}} Answer
 */

/**
 * Judge the best matches by a threshold and a margin.
 *
 * @param {Scored[]} matches best first, the max(k, 10) that were scored
 * @param {Object} calibration from the catalog; every key may be missing
 * @returns {Answer} confidence is the chance that the first is right, 0 to 1
 */
export function decide(matches, calibration) {
  const { threshold = 0.5, margin = 0.02, basis = "default" } = calibration;
  const answer = { decision: "unknown", confidence: 0, basis, matches, candidates: [] };
  if (!matches.length) return answer;
  const first = matches[0].score;
  const lead = matches.length > 1 ? first - matches[1].score : MOST_LEAD;
  const curve = calibration.confidence ?? [-STEEP * (threshold + margin), STEEP, STEEP];
  answer.confidence = chance(curve, first, lead);
  if (first < threshold) return answer;
  answer.decision = "match";
  if (matches.length > 1 && lead < margin) {
    answer.decision = "ambiguous";
    answer.candidates = matches.filter((one) => first - one.score < margin);
  }
  return answer;
}

function chance([a, b, c], score, lead) {
  return 1 / (1 + Math.exp(-(a + b * score + c * Math.min(lead, MOST_LEAD))));
}
