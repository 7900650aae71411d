// The C face, from C: every function once with what it is for, and with what it must refuse.
// Usage: test model.safetensors (the one that tests/capi.rs writes)
#include "subquad.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            failures++;                                                                   \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);       \
        }                                                                                 \
    } while (0)

// The call succeeds; else its message is printed.
#define OK(call)                                                                                              \
    do {                                                                                                      \
        subquad_error e;                                                                                      \
        subquad_error *error = &e;                                                                            \
        if ((call) != SUBQUAD_OK) {                                                                           \
            failures++;                                                                                       \
            fprintf(stderr, "%s:%d: %s (%d, %s)\n", __FILE__, __LINE__, e.message, e.code, subquad_message(e.code)); \
        }                                                                                                     \
    } while (0)

// The call is refused with this code, and its message has this text.
#define REFUSED(wanted, text, call)                                                                           \
    do {                                                                                                      \
        subquad_error e;                                                                                      \
        subquad_error *error = &e;                                                                            \
        int code = (call);                                                                                    \
        if (code != (wanted) || e.code != code || !strstr(e.message, text)) {                                 \
            failures++;                                                                                       \
            fprintf(stderr, "%s:%d: code %d, '%s'\n", __FILE__, __LINE__, code, e.message);                   \
        }                                                                                                     \
        error = NULL;                                                                                         \
        CHECK((call) == (wanted));                                                                            \
    } while (0)

static float *floats(size_t n) {
    float *x = malloc((n ? n : 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = NAN;
    return x;
}

static float *gaussian(size_t n, uint32_t stream) {
    float *x = floats(n);
    OK(subquad_gaussian_f32(1, stream, x, n, error));
    return x;
}

static int parity(size_t x) {
    int odd = 0;
    for (; x; x &= x - 1) odd ^= 1;
    return odd;
}

static double inner(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
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

struct system { int calls, fail_at; };

static int tridiagonal(void *context, const float *x, float *y, size_t n) {
    struct system *system = context;
    if (++system->calls == system->fail_at) return 42;
    for (size_t i = 0; i < n; i++) y[i] = 3 * x[i] - (i ? x[i - 1] : 0) - (i + 1 < n ? x[i + 1] : 0);
    return 0;
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
    CHECK(subquad_index_len_f32(3, M, D) == SIZE_MAX);
    REFUSED(SUBQUAD_VALUE, "kind", subquad_verify_f32(3, NULL, 0, M, D, w, error));
    free(w), free(x), free(indices), free(found), free(values), free(found_values);
}

static void models(uint8_t level, const char *path) {
    subquad_model *model = NULL;
    OK(subquad_model_load(path, &model, error));
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
        transforms(level), factors(level), conjugate_gradients(level), network(level), reporting(level);
        if (argc > 1) models(level, argv[1]);
        printf("level %s: %s\n", subquad_level_name(level), failures ? "failed" : "passed");
    }
    return failures != 0;
}
