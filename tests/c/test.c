// The C face, from C: every function once with what it is for, and with what it must refuse.
// Usage: test model.safetensors deep.safetensors (those that tests/capi.rs writes)
#include "test.h"

int failures = 0;

static int parity(size_t x) {
    int odd = 0;
    for (; x; x &= x - 1) odd ^= 1;
    return odd;
}

static void transforms(uint8_t level) {
    enum { N = 64 };
    float *x = gaussian(N, 0), y[N];
    memcpy(y, x, sizeof y);
    OK(subquad_fwht_f32(level, y, N, error));
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t j = 0; j < N; j++) sum += parity(i & j) ? -x[j] : x[j];
        CHECK(fabs(sum - y[i]) < 1e-4);
    }
    double d[12] = {1};
    OK(subquad_fwht_f64(level, d, 12, error));
    for (int i = 0; i < 12; i++) CHECK(fabs(d[i]) == 1);
    int32_t w[4] = {3, 1, 4, 1};
    OK(subquad_fwht_i32(level, w, 4, error));
    CHECK(w[0] == 9 && w[1] == 5 && w[2] == -1 && w[3] == -1);
    int16_t s[2] = {3, 1};
    OK(subquad_fwht_i16(level, s, 2, error));
    CHECK(s[0] == 4 && s[1] == 2);
    OK(subquad_transform_rows_i16(level, NULL, s, 1, 2, error));
    CHECK(s[0] == 6 && s[1] == 2);

    // Orthonormal with signs: lengths stay. In Walsh's order the columns of the identity count their changes of sign.
    subquad_transform how = {.order = 2, .signs = 1, .seed = 7, .scaling = 2};
    double before = inner(x, x, N);
    OK(subquad_transform_rows_f32(level, &how, x, 1, N, error));
    CHECK(fabs(inner(x, x, N) - before) < 1e-3);
    float eye[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    subquad_transform walsh = {.order = 2};
    OK(subquad_transform_columns_f32(level, &walsh, eye, 4, 4, error));
    for (int i = 0; i < 4; i++) {
        int changes = 0;
        for (int j = 1; j < 4; j++) changes += eye[4 * i + j] != eye[4 * i + j - 1];
        CHECK(changes == i);
    }
    uint64_t bits = 1;
    float pair[2] = {1, 2};
    subquad_transform negate = {.signs = 2, .bits = &bits, .words = 1, .scaling = 1, .factor = 10};
    OK(subquad_transform_rows_f32(level, &negate, pair, 1, 2, error));
    CHECK(pair[0] == 10 && pair[1] == -30);

    // From elsewhere, padded with zeros; and two of its outputs alone.
    int32_t from[3] = {1, 2, 3}, padded[4], some[2], room[64];
    OK(subquad_transform_rows_from_i32(level, NULL, from, 1, 3, padded, 4, error));
    CHECK(padded[0] == 6 && padded[1] == 2 && padded[2] == 0 && padded[3] == -4);
    size_t chosen[2] = {3, 0}, need = subquad_outputs_scratch_len(4, 2);
    CHECK(need <= 64);
    OK(subquad_transform_outputs_i32(level, NULL, from, 3, 4, chosen, 2, some, room, need, error));
    CHECK(some[0] == -4 && some[1] == 6);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_transform_outputs_i32(level, NULL, from, 3, 4, chosen, 2, some, room, need - 1, error));
    chosen[0] = 4;
    REFUSED(SUBQUAD_VALUE, "chosen", subquad_transform_outputs_i32(level, NULL, from, 3, 4, chosen, 2, some, room, need, error));
    REFUSED(SUBQUAD_TOO_SHORT, "", subquad_transform_rows_from_i32(level, NULL, from, 1, 3, padded, 2, error));
    CHECK(subquad_fwht_len_above(9) == 12 && subquad_fwht_len_above(SIZE_MAX) == 0);

    CHECK(subquad_fwht_is_len(1024) && subquad_fwht_is_len(28) && !subquad_fwht_is_len(9) && !subquad_fwht_is_len(0));
    REFUSED(SUBQUAD_TRANSFORM_LENGTH, "no Walsh-Hadamard transform of length 9; the nearest valid lengths are 8 and 12",
            subquad_fwht_f32(level, x, 9, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_fwht_f32(level, NULL, 8, error));
    REFUSED(SUBQUAD_OVERFLOW, "x", subquad_fwht_f32(level, x, SIZE_MAX / 2 + 1, error));
    REFUSED(SUBQUAD_OVERFLOW, "x", subquad_transform_rows_f32(level, NULL, x, SIZE_MAX / 2, 4, error));
    REFUSED(SUBQUAD_VALUE, "aligned", subquad_fwht_f32(level, (float *)((char *)x + 1), 8, error));
    REFUSED(SUBQUAD_VALUE, "level", subquad_fwht_f32(99, x, 8, error));
    subquad_transform odd = {.order = 3}, few = {.signs = 2, .bits = &bits, .words = 0}, integers = {.scaling = 2};
    REFUSED(SUBQUAD_VALUE, "order", subquad_transform_rows_f32(level, &odd, x, 1, 8, error));
    REFUSED(SUBQUAD_TOO_SHORT, "signs: needs at least 1 elements, found 0", subquad_transform_rows_f32(level, &few, x, 1, 8, error));
    REFUSED(SUBQUAD_VALUE, "integers", subquad_transform_rows_i32(level, &integers, w, 1, 4, error));
    free(x);
}

static void factors(uint8_t level) {
    enum { N = 30, K = 50 };
    float *a = gaussian(N * K, 1), *t = floats(N * K), *c = floats(N * N), *b = gaussian(N, 2), *x = floats(N);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < K; k++) t[k * N + i] = a[i * K + k];
    size_t len = subquad_gemm_scratch_len(N, N, K);
    float *scratch = floats(len);
    OK(subquad_gemm_f32(level, N, N, K, 1, a, t, 0, c, scratch, len, error));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) CHECK(fabs(c[i * N + j] - inner(a + i * K, a + j * K, K)) < 1e-3);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_gemm_f32(level, N, N, K, 1, a, t, 0, c, scratch, len - 1, error));
    REFUSED(SUBQUAD_NULL, "b: the pointer is null", subquad_gemm_f32(level, N, N, K, 1, a, NULL, 0, c, scratch, len, error));
    free(scratch);

    float *l = floats(N * N);
    memcpy(l, c, N * N * sizeof *l);
    memcpy(x, b, N * sizeof *x);
    bool definite = false;
    len = subquad_cholesky_scratch_len(N);
    scratch = floats(len);
    OK(subquad_cholesky_f32(level, N, l, &definite, scratch, len, error));
    CHECK(definite);
    float minus[1] = {-1};
    OK(subquad_cholesky_f32(level, 1, minus, &definite, scratch, len, error));
    CHECK(!definite);
    free(scratch);
    len = subquad_cholesky_solve_scratch_len(N);
    scratch = floats(len);
    OK(subquad_cholesky_solve_f32(level, N, 1, l, x, scratch, len, error));
    for (int i = 0; i < N; i++) CHECK(fabs(inner(c + i * N, x, N) - b[i]) < 1e-2);
    free(scratch);

    // R^T R = A^T A, which is C: the columns of a K x N matrix are the rows of a.
    len = subquad_qr_scratch_len(K, N);
    scratch = floats(len);
    OK(subquad_qr_f32(level, K, N, a, scratch, len, error));
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) CHECK(fabs(inner(a + i * K, a + j * K, j + 1) - c[i * N + j]) < 1e-2);
    free(scratch), free(a), free(t), free(c), free(b), free(x), free(l);
}

static void vectors(uint8_t level) {
    enum { N = 37, K = 20 };
    float *x = gaussian(N, 11), *y = gaussian(N, 12), *z = floats(N), *a = gaussian(N * K, 13), *c = floats(N * N), *r = floats(K * K);
    float dot = NAN;
    OK(subquad_dot_f32(level, N, x, y, &dot, error));
    CHECK(fabs(dot - inner(x, y, N)) < 1e-4);
    memcpy(z, y, N * sizeof *z);
    OK(subquad_axpy_f32(level, N, 2, x, z, error));
    for (int i = 0; i < N; i++) CHECK(fabs(z[i] - (y[i] + 2 * x[i])) < 1e-5);
    memcpy(z, y, N * sizeof *z);
    OK(subquad_xpby_f32(level, N, x, -1, z, error));
    for (int i = 0; i < N; i++) CHECK(fabs(z[i] - (x[i] - y[i])) < 1e-5);
    OK(subquad_scale_f32(level, N, 0, z, error));
    CHECK(inner(z, z, N) == 0);
    REFUSED(SUBQUAD_NULL, "y", subquad_dot_f32(level, N, x, NULL, &dot, error));
    REFUSED(SUBQUAD_NULL, "to", subquad_dot_f32(level, N, x, y, NULL, error));

    // A A^T, against the definition; then its factor R^T R = A A^T in doubles, whose triangle is solved with.
    size_t len = subquad_syrk_scratch_len(N, K);
    float *scratch = floats(len);
    OK(subquad_syrk_f32(level, N, K, 1, a, 0, c, scratch, len, error));
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) CHECK(fabs(c[i * N + j] - inner(a + i * K, a + j * K, K)) < 1e-4);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_syrk_f32(level, N, K, 1, a, 0, c, scratch, len - 1, error));
    free(scratch);
    len = subquad_cholesky_qr_scratch_len(N, K);
    double *doubles = malloc(len * sizeof *doubles);
    bool definite = false;
    OK(subquad_cholesky_qr_f32(level, N, K, a, r, &definite, doubles, len, error));
    CHECK(definite);
    for (int i = 0; i < K; i++)
        for (int j = 0; j <= i; j++) CHECK(fabs(inner(r + i * K, r + j * K, j + 1) - inner(a + i * N, a + j * N, N)) < 1e-3);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_cholesky_qr_f32(level, N, K, a, r, NULL, doubles, len - 1, error));
    free(doubles);
    len = subquad_triangular_solve_scratch_len(K);
    scratch = floats(len);
    memcpy(z, x, K * sizeof *z);
    OK(subquad_triangular_solve_f32(level, 0, K, 1, r, z, scratch, len, error));
    for (int i = 0; i < K; i++) CHECK(fabs(inner(r + i * K, z, i + 1) - x[i]) < 1e-3);
    REFUSED(SUBQUAD_VALUE, "triangle", subquad_triangular_solve_f32(level, 2, K, 1, r, z, scratch, len, error));
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_triangular_solve_f32(level, 1, K, 1, r, z, scratch, len - 1, error));
    free(x), free(y), free(z), free(a), free(c), free(r), free(scratch);
}

struct system { int calls, fail_at; };

static int tridiagonal(void *context, const float *x, float *y, size_t n) {
    struct system *system = context;
    if (++system->calls == system->fail_at) return 42;
    for (size_t i = 0; i < n; i++) y[i] = 3 * x[i] - (i ? x[i - 1] : 0) - (i + 1 < n ? x[i + 1] : 0);
    return 0;
}

// Rows of (1, t, t^2) at t = 0, 1, ..; its transpose.
static int polynomial(void *context, const double *x, double *y, size_t rows, size_t cols) {
    (void)context;
    for (size_t i = 0; i < rows; i++) {
        y[i] = 0;
        for (size_t k = cols; k-- > 0;) y[i] = y[i] * (double)i + x[k];
    }
    return 0;
}

static int moments(void *context, const double *y, double *x, size_t rows, size_t cols) {
    int *fails = context;
    memset(x, 0, cols * sizeof *x);
    for (size_t i = 0; i < rows; i++) {
        double power = y[i];
        for (size_t k = 0; k < cols; k++, power *= (double)i) x[k] += power;
    }
    return fails ? *fails : 0;
}

static void squares(uint8_t level) {
    double b[6] = {1, 2, 5, 10, 17, 26}, x[3] = {0}, scratch[24]; // 1 + t^2
    size_t len = subquad_least_squares_scratch_len(6, 3);
    CHECK(len <= 24);
    subquad_least_squares_stopping stopping = {.gradient = 1e-12, .max_iterations = 50};
    subquad_least_squares_report report;
    OK(subquad_least_squares_f64(level, 6, 3, polynomial, moments, NULL, b, 0, x, &stopping, &report, scratch, len, error));
    CHECK(report.status == 0 && report.residual_norm < 1e-6 && fabs(x[0] - 1) < 1e-6 && fabs(x[1]) < 1e-6 && fabs(x[2] - 1) < 1e-6);
    int fails = 5;
    REFUSED(SUBQUAD_CALLBACK, "transposed product: the callback returned 5",
            (memset(x, 0, sizeof x),
             subquad_least_squares_f64(level, 6, 3, polynomial, moments, &fails, b, 0, x, &stopping, &report, scratch, len, error)));
    REFUSED(SUBQUAD_NULL, "transposed",
            subquad_least_squares_f64(level, 6, 3, polynomial, NULL, NULL, b, 0, x, &stopping, &report, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "damping",
            subquad_least_squares_f64(level, 6, 3, polynomial, moments, NULL, b, -1, x, &stopping, &report, scratch, len, error));
    REFUSED(SUBQUAD_TOO_SHORT, "scratch",
            subquad_least_squares_f64(level, 6, 3, polynomial, moments, NULL, b, 0, x, &stopping, &report, scratch, len - 1, error));
}

static int gram_of_two(void *context, const double *x, double *y, size_t n) {
    (void)context, (void)n;
    y[0] = 9 * x[0] + 14 * x[1];
    y[1] = 14 * x[0] + 25 * x[1];
    return 0;
}

static void fixed_steps(uint8_t level) {
    // J has the rows (1, 2, 2) and (0, 3, 4). The exact factor of J J^T stands for a sketch's.
    double factor[4] = {3, 0, 14. / 3, sqrt(25 - 14. * 14 / 9)}, b[2] = {23, 39}, g[2] = {0}, scratch[256];
    subquad_stopping stopping = {.relative = 1e-9, .max_iterations = 100};
    subquad_report report;
    size_t len = subquad_fixed_step_scratch_len(2, 1);
    CHECK(len <= 256);
    OK(subquad_fixed_step_f64(level, 2, 1, gram_of_two, NULL, factor, 512, 0, 0, b, g, &stopping, &report, scratch, len, error));
    CHECK(report.status == 0 && fabs(g[0] - 1) < 1e-6 && fabs(g[1] - 1) < 1e-6);
    g[0] = g[1] = 0;
    OK(subquad_fixed_step_f64(level, 2, 1, gram_of_two, NULL, factor, 3, 0.8, 1.2, b, g, &stopping, &report, scratch, len, error));
    CHECK(report.status == 0 && fabs(g[0] - 1) < 1e-6);
    REFUSED(SUBQUAD_TOO_SHORT, "64",
            subquad_fixed_step_f64(level, 2, 1, gram_of_two, NULL, factor, 3, 0, 0, b, g, &stopping, &report, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "bounds",
            subquad_fixed_step_f64(level, 2, 1, gram_of_two, NULL, factor, 3, 2, 1, b, g, &stopping, &report, scratch, len, error));
    REFUSED(SUBQUAD_NULL, "operator", subquad_fixed_step_f64(level, 2, 1, NULL, NULL, factor, 512, 0, 0, b, g, &stopping, &report, scratch, len, error));
    REFUSED(SUBQUAD_OVERFLOW, "outputs",
            subquad_fixed_step_f64(level, 2, SIZE_MAX, gram_of_two, NULL, factor, 512, 0, 0, b, g, &stopping, &report, scratch, len, error));
}

static void conjugate_gradients(uint8_t level) {
    enum { N = 100 };
    float *b = gaussian(N, 3), x[N] = {0}, y[N];
    size_t len = subquad_cg_scratch_len(N);
    float *scratch = floats(len);
    subquad_stopping stopping = {.relative = 1e-5, .max_iterations = 100};
    subquad_report report;
    struct system system = {0};
    OK(subquad_cg_f32(level, N, tridiagonal, NULL, &system, b, x, &stopping, &report, scratch, len, error));
    CHECK(report.status == 0 && report.iterations == (size_t)system.calls && report.iterations < 40);
    tridiagonal(&system, x, y, N);
    double off = 0;
    for (int i = 0; i < N; i++) off += (y[i] - b[i]) * (y[i] - b[i]);
    CHECK(sqrt(off) <= 3e-5 * report.rhs_norm);
    memset(x, 0, sizeof x);
    system = (struct system){.fail_at = 3};
    REFUSED(SUBQUAD_CALLBACK, "42",
            (memset(x, 0, sizeof x), system.calls = 0,
             subquad_cg_f32(level, N, tridiagonal, NULL, &system, b, x, &stopping, &report, scratch, len, error)));
    REFUSED(SUBQUAD_NULL, "operator", subquad_cg_f32(level, N, NULL, NULL, NULL, b, x, &stopping, &report, scratch, len, error));
    REFUSED(SUBQUAD_NULL, "stopping",
            subquad_cg_f32(level, N, tridiagonal, NULL, &system, b, x, NULL, &report, scratch, len, error));
    REFUSED(SUBQUAD_TOO_SHORT, "scratch",
            subquad_cg_f32(level, N, tridiagonal, NULL, &system, b, x, &stopping, &report, scratch, len - 1, error));
    stopping.relative = -1;
    REFUSED(SUBQUAD_VALUE, "tolerance",
            subquad_cg_f32(level, N, tridiagonal, NULL, &system, b, x, &stopping, &report, scratch, len, error));
    free(b), free(scratch);
}

static void network(uint8_t level) {
    enum { N = 21, D = 7, M = 130, C = 2 };
    float *x = gaussian(N * D, 4), *w = gaussian(M * D, 5), *v = gaussian(M * D, 6), *u = gaussian(N * C, 7), *a = floats(C * M);
    OK(subquad_signs_f32(1, 8, a, C * M, error));
    float *f = floats(N * C), *jv = floats(N * C), *ku = floats(N * C), *jtu = floats(M * D), *jjtu = floats(N * C), *k = floats(N * N);
    size_t words = subquad_pattern_len(N, M), len = subquad_gram_product_scratch_len(D, M, C);
    CHECK(words == N * 3);
    CHECK(len >= subquad_forward_scratch_len(D, M, C) && len >= subquad_jvp_scratch_len(D, M, C) &&
          len >= subquad_vjp_scratch_len(D, M, C));
    if (len < subquad_gram_scratch_len(N, D)) len = subquad_gram_scratch_len(N, D);
    uint64_t *pattern = malloc(words * sizeof *pattern);
    float *scratch = floats(len);
    OK(subquad_forward_f32(level, N, D, M, C, x, w, a, 0.5f, pattern, f, scratch, len, error));
    double sum = 0;
    for (int r = 0; r < M; r++) {
        double z = inner(x, w + r * D, D);
        CHECK((z > 0.5) == (pattern[r / 64] >> (r % 64) & 1));
        sum += z > 0.5 ? (z - 0.5) * a[r] : 0;
    }
    CHECK(fabs(sum / sqrt(M) - f[0]) < 1e-4);
    OK(subquad_forward_f32(level, N, D, M, C, x, w, a, 0.5f, NULL, ku, scratch, len, error));
    CHECK(!memcmp(f, ku, N * C * sizeof *f));
    OK(subquad_jvp_f32(level, N, D, M, C, x, a, pattern, v, jv, scratch, len, error));
    OK(subquad_vjp_f32(level, N, D, M, C, x, a, pattern, u, jtu, scratch, len, error));
    CHECK(fabs(inner(jv, u, N * C) - inner(v, jtu, M * D)) < 1e-2);
    OK(subquad_gram_product_f32(level, N, D, M, C, x, a, pattern, u, ku, scratch, len, error));
    OK(subquad_jvp_f32(level, N, D, M, C, x, a, pattern, jtu, jjtu, scratch, len, error));
    for (int i = 0; i < N * C; i++) CHECK(fabs(ku[i] - jjtu[i]) < 1e-2);
    OK(subquad_gram_f32(level, N, D, M, x, pattern, k, scratch, len, error));
    int fires = 0;
    for (int r = 0; r < M; r++) fires += pattern[r / 64] >> (r % 64) & 1;
    CHECK(fabs(k[0] - inner(x, x, D) * fires / M) < 1e-4);
    OK(subquad_analytic_gram_f32(level, N, D, x, 0, k, scratch, len, error));
    CHECK(fabs(k[0] - inner(x, x, D) / 2) < 1e-4);
    OK(subquad_vjp_rows_f32(level, N, D, M, C, x, a, pattern, u, 64, 10, v, scratch, len, error));
    CHECK(!memcmp(v, jtu + 64 * D, 10 * D * sizeof *v));
    OK(subquad_overlaps_f32(level, N, M, pattern, k, error));
    CHECK(k[0] == fires);
    uint64_t all = 0, flips = 1;
    OK(subquad_pattern_count(level, N, M, pattern, &all, error));
    OK(subquad_pattern_flips(level, N, M, pattern, pattern, &flips, error));
    CHECK(all > (uint64_t)fires && all < N * M && flips == 0);
    REFUSED(SUBQUAD_NULL, "others", subquad_pattern_flips(level, N, M, pattern, NULL, &flips, error));
    REFUSED(SUBQUAD_VALUE, "multiple of 64", subquad_vjp_rows_f32(level, N, D, M, C, x, a, pattern, u, M - 9, 10, v, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "shift", subquad_forward_f32(level, N, D, M, C, x, w, a, -1, NULL, f, scratch, len, error));
    REFUSED(SUBQUAD_NULL, "words", subquad_jvp_f32(level, N, D, M, C, x, a, NULL, v, jv, scratch, len, error));
    REFUSED(SUBQUAD_OVERFLOW, "w", subquad_forward_f32(level, 1, SIZE_MAX / 64, M, C, x, w, a, 0, NULL, f, scratch, len, error));
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_vjp_f32(level, N, D, M, C, x, a, pattern, u, jtu, scratch, 3, error));

    float y[16] = {0};
    size_t room = subquad_srht_scratch_len(D);
    CHECK(room == 8 && subquad_tensor_srht_scratch_len(D, N) <= len);
    float one[D] = {0, 2};
    OK(subquad_srht_f32(level, D, 16, 9, one, y, scratch, len, error));
    CHECK(fabs(inner(y, y, 16) - 4) < 1e-5);
    memset(y, 0, sizeof y);
    float other[N] = {0, 0, 3};
    OK(subquad_tensor_srht_f32(level, D, N, 16, 9, one, other, y, scratch, len, error));
    CHECK(fabs(inner(y, y, 16) - 36) < 1e-4);
    // Signs and buckets: an entry goes to one bucket, wherever it is said to be.
    memset(y, 0, sizeof y);
    size_t at[1] = {1};
    float entry[1] = {2}, again[16] = {0};
    OK(subquad_tensor_sketch_f32(level, D, N, 16, 9, NULL, D, one, NULL, N, other, y, scratch, len, error));
    OK(subquad_tensor_sketch_f32(level, D, N, 16, 9, at, 1, entry, NULL, N, other, again, scratch, len, error));
    CHECK(fabs(inner(y, y, 16) - 36) < 1e-3 && !memcmp(y, again, sizeof y));
    at[0] = D;
    REFUSED(SUBQUAD_TOO_SHORT, "u", subquad_tensor_sketch_f32(level, D, N, 16, 9, at, 1, entry, NULL, N, other, y, scratch, len, error));
    REFUSED(SUBQUAD_TRANSFORM_LENGTH, "15", subquad_tensor_sketch_f32(level, D, N, 15, 9, NULL, D, one, NULL, N, other, y, scratch, len, error));
    // A sketch of the Jacobian of one output has its norms, nearly.
    enum { S = 1024 };
    size_t lens[] = {subquad_srht_jacobian_scratch_len(D, M), subquad_tensor_srht_jacobian_scratch_len(D, M),
                     subquad_tensor_sketch_jacobian_scratch_len(D, M, S)};
    for (int which = 0; which < 3; which++) {
        float *sketch = floats(N * S), *more = floats(lens[which]);
        for (int i = 0; i < N * S; i++) sketch[i] = 0;
        int (*functions[])(uint8_t, size_t, size_t, size_t, size_t, uint64_t, const float *, const float *, const uint64_t *, float *, float *, size_t,
                           subquad_error *) = {subquad_srht_jacobian_f32, subquad_tensor_srht_jacobian_f32, subquad_tensor_sketch_jacobian_f32};
        OK(functions[which](level, N, D, M, S, 3, x, a, pattern, sketch, more, lens[which], error));
        double exact = inner(x, x, D) * fires / M;
        CHECK(fabs(inner(sketch, sketch, S) / exact - 1) < 0.3);
        REFUSED(SUBQUAD_TOO_SHORT, "scratch", functions[which](level, N, D, M, S, 3, x, a, pattern, sketch, more, lens[which] - 1, error));
        REFUSED(SUBQUAD_NULL, "words", functions[which](level, N, D, M, S, 3, x, a, NULL, sketch, more, lens[which], error));
        free(sketch), free(more);
    }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_srht_f32(level, D, 16, 9, one, y, scratch, room - 1, error));
    free(x), free(w), free(v), free(u), free(a), free(f), free(jv), free(ku), free(jtu), free(jjtu), free(k), free(pattern), free(scratch);
}

static void reporting(uint8_t level) {
    enum { M = 500, D = 6, N = 5 };
    float *w = gaussian(M * D, 9), *x = gaussian(N * D, 10), threshold = 2;
    uint32_t counts[N], *indices = malloc(N * M * sizeof *indices), found_counts[N], *found = malloc(N * M * sizeof *found);
    float *values = floats(N * M), *found_values = floats(N * M);
    size_t len = subquad_scan_scratch_len(D, M);
    float *scratch = floats(len);
    OK(subquad_scan_f32(level, M, D, N, w, x, threshold, M, counts, indices, values, scratch, len, error));
    for (int i = 0; i < N; i++) {
        uint32_t at = 0;
        for (uint32_t r = 0; r < M; r++) {
            double z = inner(x + i * D, w + r * D, D);
            if (z > threshold + 1e-4) CHECK(at < counts[i] && indices[i * M + at] == r && fabs(values[i * M + at] - z) < 1e-4);
            if (z > threshold - 1e-4 && at < counts[i] && indices[i * M + at] == r) at++;
        }
        CHECK(at == counts[i] && at > 0);
    }
    free(scratch);
    uint32_t kinds[] = {1, 2, 4};
    for (int i = 0; i < 3; i++) {
        uint32_t kind = kinds[i];
        size_t size = subquad_index_len_f32(kind, M, D), build = subquad_build_scratch_len_f32(kind, M, D),
               query = subquad_query_scratch_len_f32(kind, M, D);
        uint8_t *bytes = malloc(size);
        scratch = floats(build > query ? build : query);
        OK(subquad_build_f32(kind, M, D, w, bytes, size, scratch, build, error));
        OK(subquad_verify_f32(kind, bytes, size, M, D, w, error));
        for (int round = 0; round < 2; round++) {
            OK(subquad_query_f32(level, kind, bytes, size, true, N, D, x, threshold, M, found_counts, found, found_values, scratch, query,
                                 error));
            CHECK(!memcmp(counts, found_counts, sizeof counts));
            for (int i = 0; i < N; i++) {
                CHECK(!memcmp(indices + i * M, found + i * M, counts[i] * sizeof *found));
                CHECK(!memcmp(values + i * M, found_values + i * M, counts[i] * sizeof *values));
            }
            // Away and back.
            float far[D] = {100};
            OK(subquad_update_f32(kind, bytes, size, 17, far, D, false, error));
            REFUSED(SUBQUAD_VALUE, "checksum",
                    subquad_query_f32(level, kind, bytes, size, true, N, D, x, threshold, M, found_counts, found, NULL, scratch, query, error));
            REFUSED(SUBQUAD_VALUE, "verify", subquad_verify_f32(kind, bytes, size, M, D, w, error));
            OK(subquad_update_f32(kind, bytes, size, 17, w + 17 * D, D, true, error));
        }
        REFUSED(SUBQUAD_TOO_SHORT, "bytes", subquad_verify_f32(kind, bytes, size - 1, M, D, w, error));
        REFUSED(SUBQUAD_LENGTH, "columns",
                subquad_query_f32(level, kind, bytes, size, false, 1, D - 1, x, threshold, M, found_counts, found, NULL, scratch, query, error));
        REFUSED(SUBQUAD_TOO_SHORT, "scratch",
                subquad_query_f32(level, kind, bytes, size, false, N, D, x, threshold, M, found_counts, found, NULL, scratch, query - 1, error));
        REFUSED(SUBQUAD_VALUE, "neuron", subquad_update_f32(kind, bytes, size, M, w, D, false, error));
        REFUSED(SUBQUAD_LENGTH, "kind", subquad_verify_f32(kind == 1 ? 2 : 1, bytes, size, M, D, w, error));
        REFUSED(SUBQUAD_VALUE, "multiple of 8", subquad_verify_f32(kind, bytes + 4, size - 4, M, D, w, error));
        bytes[3] ^= 1;
        REFUSED(SUBQUAD_VALUE, "subquadH", subquad_verify_f32(kind, bytes, size, M, D, w, error));
        free(bytes), free(scratch);
    }
    // A ball tree whose neurons moved is arranged anew, and answers as before.
    size_t size = subquad_index_len_f32(4, M, D), room = subquad_rebalance_scratch_len_f32(M, D);
    uint8_t *bytes = malloc(size);
    scratch = floats(room);
    OK(subquad_build_f32(4, M, D, w, bytes, size, scratch, room, error));
    CHECK(!subquad_is_worn_f32(bytes, size) && !subquad_is_worn_f32(NULL, 0));
    for (int round = 0; round < 2; round++)
        for (int r = 0; r < M; r++) OK(subquad_update_f32(4, bytes, size, r, round ? w + r * D : x, D, false, error));
    CHECK(subquad_is_worn_f32(bytes, size));
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_rebalance_f32(bytes, size, true, scratch, room - 1, error));
    OK(subquad_rebalance_f32(bytes, size, true, scratch, room, error));
    CHECK(!subquad_is_worn_f32(bytes, size));
    OK(subquad_query_f32(level, 4, bytes, size, true, N, D, x, threshold, M, found_counts, found, NULL, scratch, room, error));
    CHECK(!memcmp(counts, found_counts, sizeof counts) && !memcmp(indices, found, counts[0] * sizeof *found));
    free(bytes), free(scratch);
    CHECK(subquad_index_len_f32(3, M, D) == SIZE_MAX);
    REFUSED(SUBQUAD_VALUE, "kind", subquad_verify_f32(3, NULL, 0, M, D, w, error));
    free(w), free(x), free(indices), free(found), free(values), free(found_values);
}

// Structures over samples that stay: trees of maxima, candidate lists.
static void staying(uint8_t level) {
    enum { M = 400, D = 5, N = 6 };
    float *w = gaussian(M * D, 14), *x = gaussian(N * D, 15), threshold = 1;
    uint32_t counts[N], found_counts[N], *indices = malloc(N * M * sizeof *indices), *found = malloc(N * M * sizeof *found);
    size_t tree_len = subquad_max_tree_len_f32(M, D, N), lists_len = subquad_candidates_len_f32(M, D, N, M);
    size_t len = subquad_max_tree_scratch_len_f32(M, D);
    if (len < subquad_candidates_scratch_len_f32(M, D, N)) len = subquad_candidates_scratch_len_f32(M, D, N);
    if (len < subquad_scan_scratch_len(D, M)) len = subquad_scan_scratch_len(D, M);
    uint8_t *tree = malloc(tree_len), *lists = malloc(lists_len);
    float *scratch = floats(len);
    OK(subquad_max_tree_build_f32(level, M, D, N, w, x, tree, tree_len, scratch, len, error));
    OK(subquad_candidates_build_f32(level, M, D, N, w, x, threshold, 0.1, M, lists, lists_len, scratch, len, error));
    uint32_t moved[] = {3, 300};
    for (int round = 0; round < 4; round++) {
        OK(subquad_scan_f32(level, M, D, N, w, x, threshold, M, counts, indices, NULL, scratch, len, error));
        OK(subquad_max_tree_verify_f32(level, tree, tree_len, M, D, w, scratch, len, error));
        OK(subquad_max_tree_query_f32(level, tree, tree_len, true, N, threshold, M, found_counts, found, NULL, scratch, len, error));
        CHECK(!memcmp(counts, found_counts, sizeof counts));
        for (int i = 0; i < N; i++) CHECK(!memcmp(indices + i * M, found + i * M, counts[i] * sizeof *found));
        OK(subquad_candidates_verify_f32(lists, lists_len, M, D, w, error));
        OK(subquad_candidates_query_f32(level, lists, lists_len, true, M, D, w, N, threshold, M, found_counts, found, NULL, error));
        CHECK(!memcmp(counts, found_counts, sizeof counts));
        for (int i = 0; i < N; i++) CHECK(!memcmp(indices + i * M, found + i * M, counts[i] * sizeof *found));
        // Two neurons move, then a sample too, then all neurons.
        if (round < 2) {
            for (int j = 0; j < 2; j++)
                for (int k = 0; k < D; k++) w[moved[j] * D + k] += 0.5f;
            float rows[2 * D];
            for (int j = 0; j < 2; j++) memcpy(rows + j * D, w + moved[j] * D, D * sizeof *rows);
            OK(subquad_max_tree_update_f32(level, tree, tree_len, moved, 2, D, rows, true, scratch, len, error));
            for (int j = 0; j < 2; j++) OK(subquad_candidates_update_f32(lists, lists_len, moved[j], w + moved[j] * D, D, true, error));
        }
        if (round == 1) {
            for (int k = 0; k < D; k++) x[D + k] = -x[D + k];
            OK(subquad_max_tree_replace_f32(level, tree, tree_len, 1, x + D, M, D, w, true, scratch, len, error));
            OK(subquad_candidates_build_f32(level, M, D, N, w, x, threshold, 0.1, M, lists, lists_len, scratch, len, error));
        }
        if (round == 2) {
            for (int k = 0; k < M * D; k++) w[k] *= 1.1f;
            bool rebuilt = false;
            OK(subquad_max_tree_build_f32(level, M, D, N, w, x, tree, tree_len, scratch, len, error));
            OK(subquad_candidates_advance_f32(level, lists, lists_len, M, D, w, true, &rebuilt, scratch, len, error));
            CHECK(rebuilt);
            OK(subquad_candidates_rebuild_f32(level, lists, lists_len, M, D, w, 0.2, true, scratch, len, error));
        }
    }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch",
            subquad_max_tree_query_f32(level, tree, tree_len, false, N, threshold, M, counts, indices, NULL, scratch, 1, error));
    REFUSED(SUBQUAD_VALUE, "threshold", subquad_candidates_query_f32(level, lists, lists_len, false, M, D, w, N, 0, M, counts, indices, NULL, error));
    REFUSED(SUBQUAD_LENGTH, "", subquad_max_tree_query_f32(level, tree, tree_len, false, N - 1, threshold, M, counts, indices, NULL, scratch, len, error));
    moved[0] = M;
    REFUSED(SUBQUAD_VALUE, "neuron", subquad_max_tree_update_f32(level, tree, tree_len, moved, 2, D, w, false, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "sample", subquad_max_tree_replace_f32(level, tree, tree_len, N, x, M, D, w, false, scratch, len, error));
    REFUSED(SUBQUAD_LENGTH, "kind", subquad_max_tree_verify_f32(level, lists, lists_len, M, D, w, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "rho", subquad_candidates_rebuild_f32(level, lists, lists_len, M, D, w, -1, false, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "neuron", subquad_candidates_update_f32(lists, lists_len, M, w, D, false, error));
    REFUSED(SUBQUAD_NULL, "bytes", subquad_candidates_query_f32(level, NULL, lists_len, false, M, D, w, N, threshold, M, counts, indices, NULL, error));
    free(w), free(x), free(indices), free(found), free(tree), free(lists), free(scratch);
}

// A deep model answers as tests/capi.rs, which wrote it and what it says to two rows, found.
static void deep_models(uint8_t level, const char *path) {
    subquad_model *model = NULL;
    OK(subquad_model_load(path, &model, error));
    CHECK(model && subquad_model_is_deep(model) && subquad_model_features(model) == 1 && subquad_model_answers(model) == 1);
    float rows[] = {-2, 2};
    double answers[2] = {-1, -1};
    OK(subquad_model_predict(level, model, 2, 1, rows, answers, 2, error));
    CHECK(answers[0] == 0 && answers[1] == 1);
    REFUSED(SUBQUAD_MODEL, "2", subquad_model_predict(level, model, 1, 2, rows, answers, 1, error));
    subquad_model_free(model);
}

static void models(uint8_t level, const char *path) {
    subquad_model *model = NULL;
    OK(subquad_model_load(path, &model, error));
    CHECK(!subquad_model_is_deep(model) && !subquad_model_is_deep(NULL));
    CHECK(model && subquad_model_features(model) == 2 && subquad_model_answers(model) == 1 && subquad_model_is_classes(model));
    char label[8];
    size_t needed = 0;
    OK(subquad_model_label(model, 2, label, sizeof label, &needed, error));
    CHECK(!strcmp(label, "z") && needed == 2);
    REFUSED(SUBQUAD_TOO_SHORT, "room", subquad_model_label(model, 2, label, 1, NULL, error));
    REFUSED(SUBQUAD_TOO_SHORT, "classes", subquad_model_label(model, 3, label, 8, NULL, error));
    float rows[] = {1, 2, 3, 5};
    double answers[2] = {-1, -1};
    OK(subquad_model_predict(level, model, 2, 2, rows, answers, 2, error));
    CHECK(answers[0] >= 0 && answers[0] <= 2 && answers[1] >= 0 && answers[1] <= 2);
    REFUSED(SUBQUAD_LENGTH, "to: expected 2, found 1", subquad_model_predict(level, model, 2, 2, rows, answers, 1, error));
    REFUSED(SUBQUAD_MODEL, "3", subquad_model_predict(level, model, 1, 3, rows, answers, 1, error));
    REFUSED(SUBQUAD_NULL, "model", subquad_model_predict(level, NULL, 2, 2, rows, answers, 2, error));
    subquad_model_free(model);
    subquad_model_free(NULL);
    REFUSED(SUBQUAD_MODEL, "nowhere", subquad_model_load("/nowhere", &model, error));
    REFUSED(SUBQUAD_MODEL, "", subquad_model_from_bytes((const uint8_t *)"damaged!", 8, &model, error));
}

int main(int argc, char **argv) {
    CHECK(subquad_version()[0] && strcmp(subquad_message(SUBQUAD_OK), subquad_message(SUBQUAD_NULL)));
    CHECK(subquad_level_name(6) == NULL && !subquad_level_is_available(77));
    for (uint8_t level = 0; level < 6; level++) {
        if (!subquad_level_is_available(level)) continue;
        transforms(level), vectors(level), factors(level), conjugate_gradients(level), squares(level), fixed_steps(level), network(level);
        reporting(level), staying(level), layers(level), lists(level);
        if (argc > 1) models(level, argv[1]);
        if (argc > 2) deep_models(level, argv[2]);
        printf("level %s: %s\n", subquad_level_name(level), failures ? "failed" : "passed");
    }
    return failures != 0;
}
