package shelflens;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * JSON (RFC 8259) as Map, List, String, Long (a whole number), Double, Boolean and null, strict and
 * of limited depth. On Android org.json reads it too, but not strictly.
 */
final class Json {
    private static final int MAX_DEPTH = 64;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** A value from UTF-8. */
    static Object parse(ByteBuffer bytes) throws CatalogException {
        try {
            return parse(
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .onMalformedInput(CodingErrorAction.REPORT)
                            .onUnmappableCharacter(CodingErrorAction.REPORT)
                            .decode(bytes)
                            .toString());
        } catch (CharacterCodingException error) {
            throw new CatalogException("text that is not UTF-8");
        }
    }

    /** A value from a text. */
    static Object parse(String text) throws CatalogException {
        Json json = new Json(text);
        Object value = json.value(0);
        json.skipBlanks();
        if (json.at != text.length()) {
            throw json.wrong();
        }
        return value;
    }

    private Object value(int depth) throws CatalogException {
        if (depth > MAX_DEPTH) {
            throw wrong();
        }
        skipBlanks();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object(int depth) throws CatalogException {
        Map<String, Object> made = new LinkedHashMap<>();
        at++;
        skipBlanks();
        if (peek() == '}') {
            at++;
            return made;
        }
        while (true) {
            skipBlanks();
            if (peek() != '"') {
                throw wrong();
            }
            String key = string();
            skipBlanks();
            take(':');
            made.put(key, value(depth + 1));
            skipBlanks();
            if (peek() == '}') {
                at++;
                return made;
            }
            take(',');
        }
    }

    private List<Object> array(int depth) throws CatalogException {
        List<Object> made = new ArrayList<>();
        at++;
        skipBlanks();
        if (peek() == ']') {
            at++;
            return made;
        }
        while (true) {
            made.add(value(depth + 1));
            skipBlanks();
            if (peek() == ']') {
                at++;
                return made;
            }
            take(',');
        }
    }

    private String string() throws CatalogException {
        StringBuilder made = new StringBuilder();
        at++;
        while (true) {
            char unit = peek();
            at++;
            if (unit == '"') {
                return made.toString();
            }
            if (unit < 0x20) {
                throw wrong();
            }
            made.append(unit == '\\' ? escaped() : unit);
        }
    }

    private char escaped() throws CatalogException {
        char unit = peek();
        at++;
        int known = "\"\\/bfnrt".indexOf(unit);
        if (known >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(known);
        }
        if (unit != 'u' || at + 4 > text.length()) {
            throw wrong();
        }
        int code = 0;
        for (int end = at + 4; at < end; at++) {
            int digit = text.charAt(at) < 0x80 ? Character.digit(text.charAt(at), 16) : -1;
            if (digit < 0) {
                throw wrong();
            }
            code = code * 16 + digit;
        }
        return (char) code;
    }

    private Object number() throws CatalogException {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(start, at);
        if (!digits.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw wrong();
        }
        if (digits.length() < 18 && digits.matches("-?[0-9]+")) {
            return Long.valueOf(digits);
        }
        return Double.valueOf(digits);
    }

    private Object word(String word, Object value) throws CatalogException {
        if (!text.startsWith(word, at)) {
            throw wrong();
        }
        at += word.length();
        return value;
    }

    private void skipBlanks() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() throws CatalogException {
        if (at >= text.length()) {
            throw wrong();
        }
        return text.charAt(at);
    }

    private void take(char wanted) throws CatalogException {
        if (peek() != wanted) {
            throw wrong();
        }
        at++;
    }

    private CatalogException wrong() {
        return new CatalogException("no JSON at character " + at);
    }

    /**
     * The text of a value with keys sorted by code point, no blanks, and nothing but printable
     * ASCII; of it the fingerprint is made.
     */
    static String canonical(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Map) {
            TreeMap<String, Object> sorted = new TreeMap<>(Json::byCodePoint);
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                sorted.put((String) entry.getKey(), entry.getValue());
            }
            String separator = "{";
            for (Map.Entry<String, Object> entry : sorted.entrySet()) {
                out.append(separator);
                quote(entry.getKey(), out);
                out.append(':');
                write(entry.getValue(), out);
                separator = ",";
            }
            out.append(sorted.isEmpty() ? "{}" : "}");
        } else if (value instanceof List) {
            out.append('[');
            String separator = "";
            for (Object part : (List<?>) value) {
                out.append(separator);
                write(part, out);
                separator = ",";
            }
            out.append(']');
        } else if (value instanceof String) {
            quote((String) value, out);
        } else {
            out.append(value);
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (char unit : text.toCharArray()) {
            int known = "\"\\\b\f\n\r\t".indexOf(unit);
            if (known >= 0) {
                out.append('\\').append("\"\\bfnrt".charAt(known));
            } else if (unit < 0x20 || unit > 0x7e) {
                out.append(String.format("\\u%04x", (int) unit));
            } else {
                out.append(unit);
            }
        }
        out.append('"');
    }

    private static int byCodePoint(String a, String b) {
        int[] left = a.codePoints().toArray();
        int[] right = b.codePoints().toArray();
        for (int i = 0; i < Math.min(left.length, right.length); i++) {
            if (left[i] != right[i]) {
                return Integer.compare(left[i], right[i]);
            }
        }
        return Integer.compare(left.length, right.length);
    }
}
