package shelflens;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Paths;

/** java -cp build shelflens.Example STORE.catalog EMBEDDING.f32: which product a photo shows. */
public final class Example {
    private Example() {}

    /** Prints the answer to one embedding, a file of little-endian float32. */
    public static void main(String[] words) throws IOException {
        if (words.length != 2) {
            System.err.println("expected: STORE.catalog EMBEDDING.f32");
            System.exit(2);
        }
        try {
            Catalog catalog = Catalog.open(words[0]);
            byte[] bytes = Files.readAllBytes(Paths.get(words[1]));
            float[] embedding = new float[bytes.length / 4];
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(embedding);
            Answer answer = catalog.answer(3, embedding);
            System.out.printf("%s (%.2f, %s)%n", answer.decision, answer.confidence, answer.basis);
            for (Match match : answer.matches) {
                System.out.printf("%.3f  %s%n", match.score, match.product.name);
            }
        } catch (CatalogException | IllegalArgumentException error) {
            System.err.println(words[0] + ": " + error.getMessage());
            System.exit(1);
        }
    }
}
