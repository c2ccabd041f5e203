package shelflens;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** From scores to an answer. All that "The decision" of the format's page says is in this class. */
final class Calibration {
    /** Of the products with the best scores, so many are judged. */
    static final int JUDGED = 10;

    private static final double TAIL = 0.1;
    private static final double SECOND_FLOOR = 0.3;
    private static final double MIN_UNKNOWN = 0.5;
    private static final double CANDIDATE_SHARE = 0.8;
    private static final double LARGEST = 1e6;
    private static final String[] NAMES = {"concentration", "offset", "second", "size"};
    private static final double[] USUAL = {10.94, 3.37, 6.32, 0};

    private final double minProbability;
    private final double concentration;
    private final double offset;
    private final double second;
    private final double size;
    private final String basis;

    /** From the JSON text of the metadata. */
    Calibration(String text) throws CatalogException {
        if (text == null) {
            throw CatalogFile.damaged("no calibration");
        }
        Map<String, Object> values = CatalogFile.object(Json.parse(text));
        Object named = values.getOrDefault("basis", "default");
        if (!(named instanceof String) || ((String) named).length() > 40) {
            throw CatalogFile.damaged("a basis that is none");
        }
        basis = (String) named;
        minProbability = number(values, "min_probability", 0.95, 0.5, Math.nextDown(1.0));
        double threshold = number(values, "threshold", 0.5, -1, 1);
        number(values, "view_similarity", 0, -1, 1);
        double[] found = USUAL.clone();
        boolean fitted = values.containsKey("posterior");
        if (fitted) {
            Map<String, Object> given = CatalogFile.object(values.get("posterior"));
            for (int i = 0; i < NAMES.length; i++) {
                found[i] = number(given, NAMES[i], USUAL[i], -LARGEST, LARGEST);
            }
            if (!(found[0] > 0 && found[3] >= 0 && found[2] >= 0 && found[2] < found[0])) {
                throw CatalogFile.damaged("a posterior out of its range");
            }
        }
        concentration = found[0];
        second = found[2];
        size = found[3];
        if (!fitted && basis.equals("measured") && values.containsKey("threshold")) {
            double odds = Math.log(minProbability / (1 - minProbability));
            offset = concentration * closeness(threshold)
                    - second * closeness(SECOND_FLOOR) - odds;
        } else {
            offset = found[1];
        }
    }

    /**
     * Judge the best products.
     *
     * @param matches best first, the max(k, 10) that were scored
     * @param products how many the catalog has
     * @param factor all scores are multiplied by it first, see `agreement`
     */
    Answer decide(List<Match> matches, int products, double factor) {
        List<Match> scored = new ArrayList<>();
        for (Match match : matches) {
            scored.add(new Match(match.product, match.score * factor));
        }
        int judged = Math.min(JUDGED, scored.size());
        double[] shares = probabilities(scored.subList(0, judged), products);
        double none = shares[judged];
        double confidence = judged == 0 ? 0 : shares[0];
        List<Match> candidates = new ArrayList<>();
        Answer.Decision decision = Answer.Decision.MATCH;
        if (none > MIN_UNKNOWN) {
            decision = Answer.Decision.UNKNOWN;
        } else if (confidence < minProbability) {
            decision = Answer.Decision.AMBIGUOUS;
            double total = 0;
            for (int i = 0; i < judged; i++) {
                total += shares[i];
            }
            double reached = 0;
            for (int i = 0; i < judged; i++) {
                boolean tie = i > 0 && scored.get(i).score == scored.get(i - 1).score;
                if (reached >= CANDIDATE_SHARE * total && !tie) {
                    break;
                }
                candidates.add(scored.get(i));
                reached += shares[i];
            }
        }
        return new Answer(decision, confidence, none, basis, scored, candidates);
    }

    /** The probability of each product and, last, of "not enrolled". */
    private double[] probabilities(List<Match> matches, int products) {
        int count = matches.size();
        double[] shares = new double[count + 1];
        double next = count > 1 ? matches.get(1).score : SECOND_FLOOR;
        shares[count] = offset
                + second * closeness(Math.max(next, SECOND_FLOOR))
                + size * Math.log(Math.max(products, 1));
        double highest = shares[count];
        for (int i = 0; i < count; i++) {
            shares[i] = concentration * closeness(matches.get(i).score);
            highest = Math.max(highest, shares[i]);
        }
        double total = 0;
        for (int i = 0; i <= count; i++) {
            shares[i] = Math.exp(shares[i] - highest);
            total += shares[i];
        }
        for (int i = 0; i <= count; i++) {
            shares[i] /= total;
        }
        return shares;
    }

    private static double closeness(double score) {
        return -Math.log(1 + TAIL - Math.min(score, 1));
    }

    /** What the scores of several photos are multiplied by; 1 for one photo. */
    static double agreement(double lengthOfMean) {
        return Math.pow(Math.min(lengthOfMean, 1), 0.2);
    }

    private static double number(
            Map<String, Object> values, String name, double usual, double low, double high)
            throws CatalogException {
        if (!values.containsKey(name)) {
            return usual;
        }
        Object value = values.get(name);
        double found = value instanceof Number ? ((Number) value).doubleValue() : Double.NaN;
        if (!(low <= found && found <= high)) {
            throw CatalogFile.damaged("a " + name + " that is none");
        }
        return found;
    }
}
