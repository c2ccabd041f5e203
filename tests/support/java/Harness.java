package shelflens;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs the reader for the tests: requests as a JSON list on standard input, answers on output. */
public final class Harness {
    private Harness() {}

    /** Each request: path, queries (a list of lists of embeddings), k. */
    public static void main(String[] words) throws IOException, CatalogException {
        List<Object> out = new ArrayList<>();
        for (Object request : (List<?>) Json.parse(ByteBuffer.wrap(all(System.in)))) {
            Map<String, Object> values = CatalogFile.object(request);
            try {
                out.add(asked(values));
            } catch (CatalogException error) {
                out.add(error.getMessage());
            }
        }
        PrintStream stream = new PrintStream(System.out, true, "UTF-8");
        stream.println(Json.canonical(out));
    }

    private static Object asked(Map<String, Object> values) throws IOException, CatalogException {
        Catalog catalog = Catalog.open((String) values.get("path"));
        int k = ((Long) values.get("k")).intValue();
        List<Object> products = new ArrayList<>();
        for (int index = 0; index < catalog.size(); index++) {
            Product product = catalog.product(index);
            Map<String, Object> shown = new LinkedHashMap<>();
            shown.put("id", product.id);
            shown.put("name", product.name);
            shown.put("attributes", product.attributes);
            products.add(shown);
        }
        List<Object> answers = new ArrayList<>();
        for (Object query : (List<?>) values.get("queries")) {
            List<float[]> embeddings = new ArrayList<>();
            for (Object numbers : (List<?>) query) {
                List<?> list = (List<?>) numbers;
                float[] embedding = new float[list.size()];
                for (int i = 0; i < embedding.length; i++) {
                    embedding[i] = ((Number) list.get(i)).floatValue();
                }
                embeddings.add(embedding);
            }
            answers.add(shown(catalog.answer(k, embeddings.toArray(new float[0][]))));
        }
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("space", catalog.space);
        made.put("dim", (long) catalog.dim);
        String longer = catalog.space.replaceAll(":[0-9]+$", "");
        made.put("accepts", catalog.accepts(longer) && catalog.accepts(catalog.space));
        made.put("acceptsMore", catalog.accepts(longer + ":1000") || catalog.accepts(""));
        made.put("products", products);
        made.put("answers", answers);
        return made;
    }

    private static Object shown(Answer answer) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("decision", answer.decision.name().toLowerCase());
        made.put("confidence", answer.confidence);
        made.put("unknown", answer.unknownProbability);
        made.put("basis", answer.basis);
        made.put("matches", shown(answer.matches));
        made.put("candidates", shown(answer.candidates));
        return made;
    }

    private static List<Object> shown(List<Match> matches) {
        List<Object> made = new ArrayList<>();
        for (Match match : matches) {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("id", match.product.id);
            values.put("score", match.score);
            made.add(values);
        }
        return made;
    }

    private static byte[] all(InputStream stream) throws IOException {
        ByteArrayOutputStream made = new ByteArrayOutputStream();
        byte[] buffer = new byte[1 << 16];
        for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
            made.write(buffer, 0, count);
        }
        return made.toByteArray();
    }
}
