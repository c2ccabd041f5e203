package shelflens;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/** The outer layer of a catalog file: a safetensors file with checksums, all of them compared. */
final class CatalogFile {
    private static final int FORMAT = 2;
    private static final int HEADER_LIMIT = 1 << 20;
    private static final List<String> TYPES = Arrays.asList("U8", "I8", "F32", "U64");
    private static final int[] SIZES = {1, 1, 4, 8};

    /** One tensor: its bytes, little-endian, of this type and shape. */
    static final class Tensor {
        final String type;
        final long[] shape;
        final ByteBuffer bytes;
        private final long start;
        private final long stop;

        private Tensor(String type, long[] shape, long start, long stop, ByteBuffer bytes) {
            this.type = type;
            this.shape = shape;
            this.start = start;
            this.stop = stop;
            this.bytes = bytes;
        }

        boolean is(String wanted, int axes) {
            return type.equals(wanted) && shape.length == axes;
        }
    }

    final Map<String, Tensor> tensors = new HashMap<>();
    final Map<String, String> metadata;

    /** Reads the whole file once, and compares every checksum. */
    CatalogFile(ByteBuffer given) throws CatalogException {
        ByteBuffer file = given.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        file.position(0);
        long size = file.limit();
        long length = size >= 8 ? file.getLong(0) : 0;
        if (length < 2 || length > Math.min(HEADER_LIMIT, size - 8)) {
            throw damaged("no catalog header");
        }
        Map<String, Object> header = object(Json.parse(part(file, 8, 8 + length)));
        metadata = texts(header.remove("__metadata__"));
        if (!"shelflens-catalog".equals(metadata.get("format"))
                || !metadata.getOrDefault("version", "").matches("[0-9]{1,9}")) {
            throw damaged("no catalog header");
        }
        if (Integer.parseInt(metadata.get("version")) > FORMAT) {
            throw new CatalogException(
                    "catalog format " + metadata.get("version") + ", this reader knows up to " + FORMAT);
        }
        Map<String, String> hashed = new LinkedHashMap<>(metadata);
        String fingerprint = hashed.remove("fingerprint");
        if (!sha256(Json.canonical(Arrays.asList(header, hashed))).equals(fingerprint)) {
            throw damaged("the header differs from its fingerprint");
        }
        slice(file, 8 + length, header);
    }

    private void slice(ByteBuffer file, long first, Map<String, Object> header)
            throws CatalogException {
        List<Map.Entry<String, Tensor>> inOrder = new ArrayList<>();
        for (Map.Entry<String, Object> entry : header.entrySet()) {
            Tensor tensor = tensor(file, first, object(entry.getValue()));
            tensors.put(entry.getKey(), tensor);
        }
        inOrder.addAll(tensors.entrySet());
        inOrder.sort(
                (a, b) -> {
                    int byStart = Long.compare(a.getValue().start, b.getValue().start);
                    return byStart != 0
                            ? byStart
                            : Long.compare(a.getValue().stop, b.getValue().stop);
                });
        long end = 0;
        for (Map.Entry<String, Tensor> entry : inOrder) {
            Tensor tensor = entry.getValue();
            if (tensor.start != end) {
                throw damaged("tensors overlap");
            }
            end = tensor.stop;
            CRC32 sum = new CRC32();
            sum.update(tensor.bytes.duplicate());
            if (!String.format("%08x", sum.getValue()).equals(metadata.get("crc32." + entry.getKey()))) {
                throw damaged("the checksum of " + entry.getKey() + " differs");
            }
        }
        if (first + end != file.limit()) {
            throw damaged(file.limit() + " bytes, expected " + (first + end));
        }
    }

    private static Tensor tensor(ByteBuffer file, long first, Map<String, Object> entry)
            throws CatalogException {
        int type = TYPES.indexOf(entry.get("dtype"));
        long[] shape = sizes(entry.get("shape"));
        long[] offsets = sizes(entry.get("data_offsets"));
        if (type < 0 || shape.length > 8 || offsets.length != 2) {
            throw damaged("a tensor without a size");
        }
        double bytes = SIZES[type];
        for (long side : shape) {
            bytes *= side;
        }
        if (bytes != offsets[1] - offsets[0]) {
            throw damaged("a tensor of another size than its shape");
        }
        ByteBuffer data = part(file, first + offsets[0], first + offsets[1]);
        return new Tensor(TYPES.get(type), shape, offsets[0], offsets[1], data);
    }

    private static long[] sizes(Object value) throws CatalogException {
        if (!(value instanceof List)) {
            throw damaged("a tensor without a size");
        }
        List<?> list = (List<?>) value;
        long[] made = new long[list.size()];
        for (int i = 0; i < made.length; i++) {
            if (!(list.get(i) instanceof Long) || (Long) list.get(i) < 0 || (Long) list.get(i) >= 1L << 53) {
                throw damaged("a tensor without a size");
            }
            made[i] = (Long) list.get(i);
        }
        return made;
    }

    private static ByteBuffer part(ByteBuffer file, long start, long stop) throws CatalogException {
        if (start > stop || stop > file.limit()) {
            throw damaged("cut short");
        }
        ByteBuffer view = file.duplicate();
        view.position((int) start);
        view.limit((int) stop);
        return view.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A value as an object. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) throws CatalogException {
        if (!(value instanceof Map)) {
            throw damaged("something else than an object");
        }
        return (Map<String, Object>) value;
    }

    /** A value as an object of texts, of whole characters. */
    static Map<String, String> texts(Object value) throws CatalogException {
        Map<String, String> made = new LinkedHashMap<>();
        for (Map.Entry<String, Object> entry : object(value).entrySet()) {
            if (!(entry.getValue() instanceof String)
                    || !isWhole(entry.getKey())
                    || !isWhole((String) entry.getValue())) {
                throw damaged("an object with something else than texts");
            }
            made.put(entry.getKey(), (String) entry.getValue());
        }
        return made;
    }

    private static boolean isWhole(String text) {
        return text.codePoints().noneMatch(code -> code >= 0xd800 && code <= 0xdfff);
    }

    static CatalogException damaged(String what) {
        return new CatalogException("damaged catalog: " + what + "; copy it again");
    }

    private static String sha256(String text) {
        try {
            StringBuilder made = new StringBuilder();
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (byte value : digest.digest(text.getBytes(StandardCharsets.US_ASCII))) {
                made.append(String.format("%02x", value));
            }
            return made.toString();
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);  // every Java has it
        }
    }
}
