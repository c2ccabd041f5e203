package shelflens;

/** A product and how near a photo is to it: a cosine similarity, -1 to 1. */
public final class Match {
    public final Product product;
    public final double score;

    Match(Product product, double score) {
        this.product = product;
        this.score = score;
    }
}
