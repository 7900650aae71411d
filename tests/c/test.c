// The C face, from C: every function once with what it is for, and with what it must refuse.
// Usage: test model.safetensors deep.safetensors (those that tests/capi writes)
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
        // That row is one of the natural ones.
        size_t natural = subquad_order_natural(2, i, 4);
        for (int j = 0; j < 4; j++) CHECK((eye[4 * i + j] < 0) == subquad_fwht_is_minus(4, natural, j));
    }
    CHECK(subquad_order_natural(1, 1, 4) == 2 && subquad_order_natural(0, 3, 4) == 3 && subquad_fwht_is_minus(12, 1, 1) != subquad_fwht_is_minus(12, 0, 0));
    // Signs from a seed, one at a time.
    float ones[4] = {1, 1, 1, 1};
    subquad_transform seeded = {.signs = 1, .seed = 7};
    OK(subquad_transform_rows_f32(level, &seeded, ones, 1, 4, error));
    float signs = 0;
    for (int i = 0; i < 4; i++) signs += subquad_seed_is_minus(7, i) ? -1 : 1;
    CHECK(ones[0] == signs);
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
    CHECK(subquad_fwht_len_below(9) == 8 && subquad_fwht_len_below(1000) == 896 && subquad_fwht_len_below(0) == 0);

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
    float most = 0;
    OK(subquad_norm_squared_f32(level, N, x, &dot, error));
    CHECK(fabs(dot - inner(x, x, N)) < 1e-4);
    OK(subquad_max_abs_f32(N, x, &most, error));
    for (int i = 0; i < N; i++) CHECK(fabsf(x[i]) <= most);
    REFUSED(SUBQUAD_NULL, "to", subquad_norm_squared_f32(level, N, x, NULL, error));
    REFUSED(SUBQUAD_NULL, "x", subquad_max_abs_f32(N, NULL, &most, error));
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
    uint64_t both = 0, by_hand = 0;
    OK(subquad_pattern_overlap(level, N, M, pattern, 0, 1, &both, error));
    for (int r = 0; r < M; r++) by_hand += pattern[r / 64] >> (r % 64) & pattern[3 + r / 64] >> (r % 64) & 1;
    CHECK(both == by_hand && both > 0);
    REFUSED(SUBQUAD_VALUE, "pattern: sample: must be less than 21, found 21", subquad_pattern_overlap(level, N, M, pattern, 0, N, &both, error));
    REFUSED(SUBQUAD_NULL, "words", subquad_pattern_overlap(level, N, M, NULL, 0, 1, &both, error));
    REFUSED(SUBQUAD_NULL, "words", subquad_pattern_count(level, N, M, NULL, &all, error));
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
    double low = 0, high = 0;
    OK(subquad_sketch_law(4, &low, &high, error));
    CHECK(fabs(low - 4. / 9) < 1e-12 && fabs(high - 4) < 1e-12);
    REFUSED(SUBQUAD_VALUE, "sketch: rows for each sample: must be more than 1, found 1", subquad_sketch_law(1, &low, &high, error));
    REFUSED(SUBQUAD_NULL, "high", subquad_sketch_law(4, &low, NULL, error));
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
    CHECK(subquad_tensor_sketch_scratch_len(64) == 256);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_srht_f32(level, D, 16, 9, one, y, scratch, room - 1, error));
    free(x), free(w), free(v), free(u), free(a), free(f), free(jv), free(ku), free(jtu), free(jjtu), free(k), free(pattern), free(scratch);
}

// A deep model answers as tests/capi, which wrote it and what it says to two rows, found.
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
    refusals();
    for (uint8_t level = 0; level < 6; level++) {
        if (!subquad_level_is_available(level)) continue;
        transforms(level), vectors(level), factors(level), solvers(level), network(level), indices(level), layers(level), lists(level);
        if (argc > 1) models(level, argv[1]);
        if (argc > 2) deep_models(level, argv[2]);
        printf("level %s: %s\n", subquad_level_name(level), failures ? "failed" : "passed");
    }
    return failures != 0;
}
