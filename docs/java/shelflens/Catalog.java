package shelflens;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * A catalog: products, their rows, and the nearest of them to a photo. After the specification "The
 * catalog file, formats 1 and 2". Safe to use from several threads.
 */
public final class Catalog {
    private static final int MATCH_CANDIDATES = 10;
    private static final double MEAN_SHARE = 0.75;
    private static final double BEST_ROW_FALL = 4;
    private static final double LENGTH_ERROR = 1e-3;
    private static final int MAX_DIM = 1 << 16;
    private static final int MAX_RECORD_BYTES = 1 << 20;
    private static final int ID_LIMIT = 200;

    /** The embedding space; see `accepts`. */
    public final String space;
    /** Length of a row. */
    public final int dim;

    private final byte[] rows;
    private final float[] scales;
    private final int[] firstRow;
    private final List<Product> products = new ArrayList<>();
    private final Calibration calibration;
    private final Adaptation adaptation;

    /** Opens a file. On Android a file of the app's own storage, or `of` with the bytes of an asset. */
    public static Catalog open(String path) throws IOException, CatalogException {
        try (RandomAccessFile file = new RandomAccessFile(path, "r")) {
            FileChannel channel = file.getChannel();
            if (channel.size() > Integer.MAX_VALUE) {
                throw new CatalogException(path + ": more than 2 GiB");
            }
            return of(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()));
        }
    }

    /** Reads a catalog from the bytes of its file. */
    public static Catalog of(ByteBuffer bytes) throws CatalogException {
        return new Catalog(new CatalogFile(bytes));
    }

    private Catalog(CatalogFile file) throws CatalogException {
        CatalogFile.Tensor values = table(file, "rows", "I8", 2);
        CatalogFile.Tensor factors = table(file, "scales", "F32", 1);
        CatalogFile.Tensor records = table(file, "products", "U8", 1);
        int count = (int) values.shape[0];
        if (values.shape[1] < 1 || values.shape[1] > MAX_DIM || factors.shape[0] != count) {
            throw CatalogFile.damaged("the tables do not fit each other");
        }
        dim = (int) values.shape[1];
        space = file.metadata.getOrDefault("space", "");
        if (space.isEmpty()) {
            throw CatalogFile.damaged("no embedding space");
        }
        int[] firstByte = bounds(table(file, "first_byte", "U64", 1), records.shape[0]);
        firstRow = bounds(table(file, "first_row", "U64", 1), count);
        if (firstByte.length != firstRow.length) {
            throw CatalogFile.damaged("the tables do not fit each other");
        }
        rows = new byte[values.bytes.remaining()];
        values.bytes.duplicate().get(rows);
        scales = new float[count];
        factors.bytes.asFloatBuffer().get(scales);
        checkScales();
        calibration = new Calibration(file.metadata.get("calibration"));
        checkCategoryAxes(file);
        adaptation =
                new Adaptation(file.tensors, dim, Integer.parseInt(file.metadata.get("version")));
        readProducts(records.bytes, firstByte);
    }

    /** Whether a model fits, by the embedding space that its card names. */
    public boolean accepts(String model) {
        return space.equals(model) || space.equals(model + ":" + dim);
    }

    /** How many products there are. */
    public int size() {
        return products.size();
    }

    /** A product by its index in the file. */
    public Product product(int index) {
        return products.get(index);
    }

    /**
     * The products nearest to a photo, best first.
     *
     * @param embedding what the model gives for it
     * @param k how many
     */
    public List<Match> match(float[] embedding, int k) {
        return match(unit(embedding), k);
    }

    /**
     * The answer to one photo, or to several of one thing.
     *
     * @param embeddings what the model gives, one per photo
     * @param k how many products to show
     */
    public Answer answer(int k, float[]... embeddings) {
        if (embeddings.length == 0) {
            throw new IllegalArgumentException("expected at least one embedding");
        }
        double[] mean = new double[dim];
        for (float[] embedding : embeddings) {
            double[] one = unit(embedding);
            for (int i = 0; i < dim; i++) {
                mean[i] += one[i] / embeddings.length;
            }
        }
        double length = Math.sqrt(Adaptation.dot(mean, mean));
        if (length < 1e-6) {
            throw new IllegalArgumentException("the photos point in opposite directions");
        }
        double factor = embeddings.length == 1 ? 1 : Calibration.agreement(length);
        List<Match> scored = match(Adaptation.unit(mean), Math.max(k, MATCH_CANDIDATES));
        return calibration.decide(scored, products.size(), factor).first(k);
    }

    private List<Match> match(double[] vector, int k) {
        double[] query = adaptation.applied(vector);
        int wanted = Math.max(k, MATCH_CANDIDATES);
        float[] best = new float[products.size()];
        // The worst of the best so far on top; of equal ones the last in the file.
        PriorityQueue<Integer> near =
                new PriorityQueue<>(
                        (a, b) -> best[a] != best[b] ? Float.compare(best[a], best[b]) : b - a);
        for (int index = 0; index < best.length; index++) {
            best[index] = Float.NEGATIVE_INFINITY;
            for (int row = firstRow[index]; row < firstRow[index + 1]; row++) {
                best[index] = Math.max(best[index], score(row, query));
            }
            if (near.size() < wanted) {
                near.add(index);
            } else if (best[index] > best[near.peek()]) {
                near.poll();
                near.add(index);
            }
        }
        List<Integer> order = new ArrayList<>(near);
        order.sort((a, b) -> best[a] != best[b] ? Float.compare(best[b], best[a]) : a - b);
        List<Match> made = new ArrayList<>();
        for (int index : order) {
            made.add(new Match(products.get(index), productScore(index, query, best[index])));
        }
        made.sort((a, b) -> Double.compare(b.score, a.score));  // stable
        return new ArrayList<>(made.subList(0, Math.min(k, made.size())));
    }

    private float score(int row, double[] query) {
        double sum = 0;
        int start = row * dim;
        for (int i = 0; i < dim; i++) {
            sum += rows[start + i] * query[i];
        }
        return (float) (sum * scales[row]);
    }

    private double productScore(int index, double[] query, float bestRow) {
        if (firstRow[index + 1] - firstRow[index] == 1) {
            return bestRow;
        }
        double mean = Adaptation.dot(meanDirection(index), query);
        double mixed = MEAN_SHARE * mean + (1 - MEAN_SHARE) * bestRow;
        return Math.max(mixed, 1 - BEST_ROW_FALL * (1 - bestRow));
    }

    /** The direction of the sum of a product's rows; of its first row where they cancel out. */
    private double[] meanDirection(int index) {
        double[] sum = new double[dim];
        for (int row = firstRow[index]; row < firstRow[index + 1]; row++) {
            for (int i = 0; i < dim; i++) {
                sum[i] += (double) scales[row] * rows[row * dim + i];
            }
        }
        if (Math.sqrt(Adaptation.dot(sum, sum)) > 1e-6) {
            return Adaptation.unit(sum);
        }
        for (int i = 0; i < dim; i++) {
            sum[i] = (double) scales[firstRow[index]] * rows[firstRow[index] * dim + i];
        }
        return sum;
    }

    private double[] unit(float[] embedding) {
        boolean shortened = space.endsWith(":" + dim);
        if (shortened ? embedding.length < dim : embedding.length != dim) {
            throw new IllegalArgumentException(
                    "expected " + dim + " numbers, got " + embedding.length);
        }
        double[] wide = new double[dim];
        for (int i = 0; i < dim; i++) {
            wide[i] = embedding[i];
        }
        double length = Math.sqrt(Adaptation.dot(wide, wide));
        if (!(length > 0) || Double.isInfinite(length)) {
            throw new IllegalArgumentException("expected finite numbers that are not all zero");
        }
        return Adaptation.unit(wide);
    }

    private static CatalogFile.Tensor table(CatalogFile file, String name, String type, int axes)
            throws CatalogException {
        CatalogFile.Tensor tensor = file.tensors.get(name);
        if (tensor == null || !tensor.is(type, axes)) {
            throw CatalogFile.damaged("no table " + name + " of its type");
        }
        return tensor;
    }

    /** Bounds that begin at 0, rise by at least 1 and end at `last`. */
    private static int[] bounds(CatalogFile.Tensor tensor, long last) throws CatalogException {
        int[] made = new int[(int) tensor.shape[0]];
        long before = -1;
        for (int i = 0; i < made.length; i++) {
            long bound = tensor.bytes.getLong(8 * i);
            if (bound <= before || bound > last || (i == 0 && bound != 0)) {
                throw CatalogFile.damaged("the tables do not fit each other");
            }
            made[i] = (int) bound;
            before = bound;
        }
        if (before != last) {
            throw CatalogFile.damaged("the tables do not fit each other");
        }
        return made;
    }

    /** Each scale is one over the length of its row. */
    private void checkScales() throws CatalogException {
        for (int row = 0; row < scales.length; row++) {
            long sum = 0;
            for (int i = row * dim; i < (row + 1) * dim; i++) {
                sum += rows[i] * rows[i];
            }
            double square = (double) sum * scales[row] * scales[row];
            if (!(scales[row] > 0 && Math.abs(square - 1) < 2 * LENGTH_ERROR)) {
                throw CatalogFile.damaged("a scale that is not one over the length of its row");
            }
        }
    }

    /** They are for similar products, which this reader does not look for; but they must fit. */
    private void checkCategoryAxes(CatalogFile file) throws CatalogException {
        CatalogFile.Tensor axes = file.tensors.get("likeness_axes");
        CatalogFile.Tensor factors = file.tensors.get("likeness_scales");
        if (axes == null) {
            return;
        }
        boolean fits = axes.is("I8", 2) && factors != null && factors.is("F32", 1)
                && axes.shape[0] == factors.shape[0] && axes.shape[1] == dim;
        for (int i = 0; fits && i < factors.shape[0]; i++) {
            float factor = factors.bytes.getFloat(4 * i);
            fits = factor >= 0 && !Float.isInfinite(factor);
        }
        if (!fits) {
            throw CatalogFile.damaged("category axes that do not fit");
        }
    }

    private void readProducts(ByteBuffer records, int[] firstByte) throws CatalogException {
        Set<String> ids = new HashSet<>();
        for (int index = 0; index + 1 < firstByte.length; index++) {
            if (firstByte[index + 1] - firstByte[index] > MAX_RECORD_BYTES) {
                throw CatalogFile.damaged("a product of more than 1 MiB");
            }
            ByteBuffer record = records.duplicate();
            record.position(firstByte[index]);
            record.limit(firstByte[index + 1]);
            Map<String, Object> values = CatalogFile.object(Json.parse(record));
            Object id = values.get("id");
            if (!(id instanceof String) || !isId((String) id) || !ids.add((String) id)) {
                throw CatalogFile.damaged("an id that is none, or stands twice");
            }
            Map<String, String> attributes = CatalogFile.texts(values.get("attributes"));
            products.add(new Product(index, (String) id, attributes));
        }
    }

    /** Whether an id can be shown on one line. */
    private static boolean isId(String id) {
        int length = id.codePointCount(0, id.length());
        return length > 0
                && length <= ID_LIMIT
                && !isBlank(id.codePointAt(0))
                && !isBlank(id.codePointBefore(id.length()))
                && id.codePoints().noneMatch(Catalog::isUnprintable);
    }

    private static boolean isBlank(int code) {
        return Character.isSpaceChar(code) || Character.isWhitespace(code) || code == 0xfeff
                || code == 0x200b || code == 0x2060;
    }

    private static boolean isUnprintable(int code) {
        int type = Character.getType(code);
        return type == Character.CONTROL || type == Character.SURROGATE
                || type == Character.LINE_SEPARATOR || type == Character.PARAGRAPH_SEPARATOR
                || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    }
}
