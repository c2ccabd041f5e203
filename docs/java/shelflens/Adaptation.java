package shelflens;

import java.util.Map;

/** The matrix of an adapted catalog, I - B'B; of others the identity. */
final class Adaptation {
    private static final int MAX_AXES = 64;
    private static final double MAX_REDUCTION = 0.97;

    private final double[][] wide;

    Adaptation(Map<String, CatalogFile.Tensor> tensors, int dim, int version)
            throws CatalogException {
        CatalogFile.Tensor axes = tensors.get("adaptation_axes");
        CatalogFile.Tensor scales = tensors.get("adaptation_scales");
        if (axes == null && scales == null) {
            wide = new double[0][];
            return;
        }
        if (axes == null || scales == null || version < 2 || !axes.is("I8", 2)
                || !scales.is("F32", 1) || axes.shape[0] != scales.shape[0] || axes.shape[1] != dim
                || axes.shape[0] < 1 || axes.shape[0] > MAX_AXES) {
            throw CatalogFile.damaged("an adaptation that does not fit");
        }
        wide = new double[(int) axes.shape[0]][dim];
        for (int i = 0; i < wide.length; i++) {
            float scale = scales.bytes.getFloat(4 * i);
            if (!(scale > 0)) {
                throw CatalogFile.damaged("an adaptation with a factor that is none");
            }
            for (int j = 0; j < dim; j++) {
                wide[i][j] = (double) scale * axes.bytes.get(i * dim + j);
            }
        }
        for (double[] row : wide) {
            double sum = 0;
            for (double[] column : wide) {
                sum += Math.abs(dot(row, column));
            }
            if (!(sum <= MAX_REDUCTION)) {
                throw CatalogFile.damaged("an adaptation that could make a query zero");
            }
        }
    }

    /** A vector of length 1, multiplied by the matrix and of length 1 again. */
    double[] applied(double[] vector) {
        double[] made = vector.clone();
        for (double[] row : wide) {
            double along = dot(row, vector);
            for (int j = 0; j < made.length; j++) {
                made[j] -= along * row[j];
            }
        }
        return wide.length == 0 ? made : unit(made);
    }

    static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    static double[] unit(double[] vector) {
        double length = Math.sqrt(dot(vector, vector));
        double[] made = new double[vector.length];
        for (int i = 0; i < made.length; i++) {
            made[i] = vector[i] / length;
        }
        return made;
    }
}
