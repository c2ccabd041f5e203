package shelflens;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** From scores to an answer. All that "The decision" of the format's page says is in this class. */
final class Calibration {
    private static final double MARGIN_CAP = 0.2;
    private static final double DEFAULT_SLOPE = 20;
    private static final double LOWEST_MEASURED = -0.5;
    private static final double LOWEST_CAP = 0.9;
    private static final double ROUNDING = 1e-3;

    private final double threshold;
    private final double margin;
    private final double[] curve;
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
        double lowest = basis.equals("measured") ? LOWEST_MEASURED : -1;
        threshold = number(values, "threshold", 0.5, lowest, 1);
        margin = number(values, "margin", 0.02, 0, 2);
        double[] given = numbers(values.get("confidence"));
        if (values.get("confidence") != null
                && (given == null || given.length != 3 || given[1] < 0 || given[2] < 0)) {
            throw CatalogFile.damaged("a confidence that is none");
        }
        double[] usual = {-DEFAULT_SLOPE * (threshold + margin), DEFAULT_SLOPE, DEFAULT_SLOPE};
        curve = given == null ? usual : given;
        double[] interval = numbers(values.get("threshold_interval"));
        if (values.containsKey("threshold") && interval != null && interval.length == 2
                && (threshold < Math.min(interval[0], LOWEST_CAP) - ROUNDING
                        || threshold > interval[1] + ROUNDING)) {
            throw CatalogFile.damaged("a threshold outside its own interval");
        }
    }

    /**
     * Judge the best products.
     *
     * @param matches best first, the max(k, 10) that were scored
     * @param factor all scores are multiplied by it first, see `agreement`
     */
    Answer decide(List<Match> matches, double factor) {
        List<Match> scored = new ArrayList<>();
        for (Match match : matches) {
            scored.add(new Match(match.product, match.score * factor));
        }
        List<Match> candidates = new ArrayList<>();
        if (scored.isEmpty()) {
            return new Answer(Answer.Decision.UNKNOWN, 0, basis, scored, candidates);
        }
        double first = scored.get(0).score;
        boolean single = scored.size() == 1;
        double ahead = single ? MARGIN_CAP : first - scored.get(1).score;
        double odds = curve[0] + curve[1] * first + curve[2] * Math.min(ahead, MARGIN_CAP);
        Answer.Decision decision = Answer.Decision.MATCH;
        if (first < threshold) {
            decision = Answer.Decision.UNKNOWN;
        } else if (!single && ahead < margin) {
            decision = Answer.Decision.AMBIGUOUS;
            for (Match match : scored) {
                if (first - match.score < margin) {
                    candidates.add(match);
                }
            }
        }
        double confidence = 1 / (1 + Math.exp(-odds));
        return new Answer(decision, confidence, basis, scored, candidates);
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

    /** A list of finite numbers; null where it is none. */
    private static double[] numbers(Object value) {
        if (!(value instanceof List)) {
            return null;
        }
        List<?> list = (List<?>) value;
        double[] made = new double[list.size()];
        for (int i = 0; i < made.length; i++) {
            if (!(list.get(i) instanceof Number)) {
                return null;
            }
            made[i] = ((Number) list.get(i)).doubleValue();
            if (!(Math.abs(made[i]) <= 1e9)) {
                return null;
            }
        }
        return made;
    }
}
