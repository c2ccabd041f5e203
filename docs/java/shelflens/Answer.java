package shelflens;

import java.util.Collections;
import java.util.List;

/** The answer to a photo. */
public final class Answer {
    /** What was decided. */
    public enum Decision {
        /** It is the first product. */
        MATCH,
        /** It may be one of the candidates; a single one is "perhaps this". */
        AMBIGUOUS,
        /** It is none of the catalog. */
        UNKNOWN
    }

    public final Decision decision;
    /** The probability that the first product is right, 0 to 1. */
    public final double confidence;
    /** The probability that the photo shows none of the catalog, 0 to 1. */
    public final double unknownProbability;
    /** "measured" by `shelflens catalog calibrate`, or "default". */
    public final String basis;
    /** Best first. */
    public final List<Match> matches;
    /** Of AMBIGUOUS. */
    public final List<Match> candidates;

    Answer(
            Decision decision,
            double confidence,
            double unknownProbability,
            String basis,
            List<Match> matches,
            List<Match> candidates) {
        this.decision = decision;
        this.confidence = confidence;
        this.unknownProbability = unknownProbability;
        this.basis = basis;
        this.matches = Collections.unmodifiableList(matches);
        this.candidates = Collections.unmodifiableList(candidates);
    }

    /** The same with the first k matches only. */
    Answer first(int k) {
        List<Match> shown = matches.subList(0, Math.min(k, matches.size()));
        return new Answer(
                decision, confidence, unknownProbability, basis, shown, candidates);
    }
}
