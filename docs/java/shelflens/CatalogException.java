package shelflens;

/** A catalog file that is damaged, of a newer format, or none: do not answer from it. */
public final class CatalogException extends Exception {
    private static final long serialVersionUID = 1L;

    CatalogException(String message) {
        super(message);
    }
}
