package shelflens;

import java.util.Collections;
import java.util.Map;

/** A product of a catalog. */
public final class Product {
    /** Its index in the file. */
    public final int index;
    public final String id;
    /** What people are shown. */
    public final String name;
    public final Map<String, String> attributes;

    Product(int index, String id, Map<String, String> attributes) {
        this.index = index;
        this.id = id;
        this.attributes = Collections.unmodifiableMap(attributes);
        String given = attributes.get("name");
        this.name = given == null || given.isEmpty() ? id : given;
    }
}
