// Sparse rows, low-rank updates, the layers of deep networks, and lists of what fires: against their definitions.
#include "test.h"

enum { N = 9, D = 12, M = 150, C = 3 };

// One sample's numbers of one of a stack, where it has them, and zeros.
static void spread_out(const subquad_sparse_f32 *s, size_t i, size_t c, float *to) {
    size_t from = s->support.starts[i], len = s->support.starts[i + 1] - from;
    memset(to, 0, s->support.cols * sizeof *to);
    for (size_t k = 0; k < len; k++) to[s->support.indices[from + k]] = s->values[s->depth * from + c * len + k];
}

static subquad_columns columns_of(const subquad_support *support) {
    size_t places = support->starts[support->rows], *starts = malloc((support->cols + 1) * sizeof *starts);
    uint32_t *rows = malloc((places + 1) * sizeof *rows), *at = malloc((places + 1) * sizeof *at);
    OK(subquad_transpose(support, starts, rows, at, error));
    return (subquad_columns){support->cols, starts, rows, at};
}

static void free_columns(subquad_columns columns) { free((void *)columns.starts), free((void *)columns.rows), free((void *)columns.places); }

void layers(uint8_t level) {
    // Two layers: h0 (dense, all of D), z1 = h0 W1^T, h1, z2 = h1 W2^T, h2.
    float *w1 = gaussian(M * D, 30), *w2 = gaussian(M * M, 31), *x = gaussian(N * D, 32), *a = floats(C * M), *z = floats(N * M);
    OK(subquad_signs_f32(1, 33, a, C * M, error));
    double shift = 0;
    OK(subquad_shift_for(0.2, &shift, error));
    CHECK(fabs(subquad_fired_share(shift) - 0.2) < 1e-9);
    REFUSED(SUBQUAD_VALUE, "share", subquad_shift_for(2, &shift, error));
    CHECK(fabs(subquad_paper_shift(22026) - 2) < 1e-5);
    CHECK(subquad_low_rank_cheapest(256, 10, 4096, 0.034, 4) == 0 && subquad_low_rank_cheapest(256, 10, 4096, 0.034, 40) == 1 &&
          subquad_low_rank_cheapest(4096, 10, 1024, 0.5, 40) == 2);
    for (int i = 0; i < N; i++)
        for (int r = 0; r < M; r++) z[i * M + r] = (float)(inner(x + i * D, w1 + r * D, D) / sqrt(inner(x + i * D, x + i * D, D)));

    size_t starts[N + 1], places = 0, room = N * M;
    uint32_t *indices = malloc(room * sizeof *indices);
    float *values = floats(room), norms[N];
    OK(subquad_activate_f32(level, 0, (float)shift, N, M, z, starts, indices, values, 0, norms, &places, error));
    CHECK(places > 0 && places < N * M / 2); // there was no room; now there is
    OK(subquad_activate_f32(level, 0, (float)shift, N, M, z, starts, indices, values, room, norms, &places, error));
    CHECK(starts[N] == places);
    for (int i = 0; i < N; i++) {
        size_t at = starts[i];
        double sum = 0;
        for (int r = 0; r < M; r++) {
            float u = z[i * M + r] - (float)shift;
            if (u <= 0) continue;
            CHECK(at < starts[i + 1] && indices[at] == (uint32_t)r && fabs(values[at] * norms[i] - u) < 1e-4);
            at++, sum += u * u;
        }
        CHECK(at == starts[i + 1] && fabs(sqrt(sum) - norms[i]) < 1e-3);
    }
    REFUSED(SUBQUAD_VALUE, "shift", subquad_activate_f32(level, 0, -1, N, M, z, starts, indices, values, room, norms, &places, error));
    REFUSED(SUBQUAD_VALUE, "form", subquad_activate_f32(level, 2, 1, N, M, z, starts, indices, values, room, norms, &places, error));
    subquad_support fired = {N, M, starts, indices};
    subquad_sparse_f32 h = {fired, 1, values};
    subquad_columns columns = columns_of(&fired);
    float rows[N][M], left[M], right[M];
    for (int i = 0; i < N; i++) spread_out(&h, i, 0, rows[i]);

    // H H^T.
    float p[N * N];
    for (int i = 0; i < N * N; i++) p[i] = 0;
    size_t len = subquad_overlap_scratch_len(1, N, N);
    float *scratch = floats(len);
    OK(subquad_overlap_f32(level, &h, &columns, &h, &columns, true, p, scratch, len, error));
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) CHECK(fabs(p[i * N + j] - inner(rows[i], rows[j], M)) < 1e-4);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_overlap_f32(level, &h, &columns, &h, &columns, true, p, scratch, len - 1, error));
    free(scratch);

    // Z = H W2^T, from W2^T as it is and packed.
    float *transposed = floats(M * M), *packed = floats(subquad_panels_len(M, M)), *z2 = floats(N * M), *again = floats(N * M);
    for (int j = 0; j < M; j++)
        for (int r = 0; r < M; r++) transposed[j * M + r] = w2[r * M + j];
    OK(subquad_pack_f32(M, M, transposed, packed, error));
    subquad_panels_f32 b = {M, M, false, transposed}, b2 = {M, M, true, packed};
    OK(subquad_times_panels_f32(level, &h, &b, false, z2, error));
    OK(subquad_times_panels_f32(level, &h, &b2, false, again, error));
    CHECK(!memcmp(z2, again, N * M * sizeof *z2));
    for (int i = 0; i < N; i++)
        for (int r = 0; r < M; r++) CHECK(fabs(z2[i * M + r] - inner(rows[i], w2 + r * M, M)) < 1e-3);
    subquad_panels_f32 narrow = {M - 1, M, false, transposed};
    REFUSED(SUBQUAD_LENGTH, "rows of B: expected 150, found 149", subquad_times_panels_f32(level, &h, &narrow, false, z2, error));

    // The gradients of the second layer, and what they are below.
    size_t starts2[N + 1], places2 = 0;
    uint32_t *indices2 = malloc(room * sizeof *indices2);
    float *values2 = floats(room), norms2[N], *g = floats(C * room), *e = floats(C * room);
    OK(subquad_activate_f32(level, 1, (float)shift, N, M, z2, starts2, indices2, values2, room, norms2, &places2, error));
    subquad_support fired2 = {N, M, starts2, indices2};
    subquad_sparse_f32 h2 = {fired2, 1, values2}, g2 = {fired2, C, g};
    OK(subquad_output_gradients_f32(C, M, a, &fired2, g, error));
    OK(subquad_unnormalise_f32(level, &h2, norms2, C, g, error));
    for (int i = 0; i < N; i++) {
        spread_out(&h2, i, 0, left);
        for (int c = 0; c < C; c++) {
            spread_out(&g2, i, c, right);
            CHECK(fabs(inner(left, right, M)) < 1e-4); // orthogonal to what was normalised
            double along = 0;
            for (int r = 0; r < M; r++) along += left[r] * a[c * M + r];
            uint32_t r = indices2[starts2[i]];
            CHECK(fabs(right[r] - (a[c * M + r] - left[r] * along) / norms2[i]) < 1e-4);
        }
    }
    REFUSED(SUBQUAD_LENGTH, "columns of A", subquad_output_gradients_f32(C, M - 1, a, &fired2, g, error));
    size_t longest = 0, longest2 = 0;
    for (int i = 0; i < N; i++) {
        if (starts[i + 1] - starts[i] > longest) longest = starts[i + 1] - starts[i];
        if (starts2[i + 1] - starts2[i] > longest2) longest2 = starts2[i + 1] - starts2[i];
    }
    len = subquad_backward_scratch_len(C, longest2, longest);
    scratch = floats(len);
    OK(subquad_backward_f32(level, &g2, &b2, &fired, e, scratch, len, error));
    subquad_sparse_f32 below = {fired, C, e};
    for (int i = 0; i < N; i++)
        for (int c = 0; c < C; c++) {
            spread_out(&g2, i, c, left), spread_out(&below, i, c, right);
            for (size_t k = starts[i]; k < starts[i + 1]; k++) CHECK(fabs(right[indices[k]] - inner(left, transposed + indices[k] * M, M)) < 1e-3);
        }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_backward_f32(level, &g2, &b2, &fired, e, scratch, len - 1, error));
    free(scratch);

    // (G G^T o P) U, and the left factors of J^T U.
    subquad_columns columns2 = columns_of(&fired2);
    float *u = gaussian(N * C, 34), product[N * C], *s = floats(places2);
    for (int i = 0; i < N * C; i++) product[i] = 0;
    size_t column = 0;
    for (int r = 0; r < M; r++)
        if (columns2.starts[r + 1] - columns2.starts[r] > column) column = columns2.starts[r + 1] - columns2.starts[r];
    len = subquad_deep_gram_product_scratch_len(places2, column);
    scratch = floats(len);
    OK(subquad_deep_gram_product_f32(level, &g2, &columns2, p, u, product, scratch, len, error));
    for (int i = 0; i < N; i++)
        for (int c = 0; c < C; c++) {
            double sum = 0;
            spread_out(&g2, i, c, left);
            for (int j = 0; j < N; j++)
                for (int k = 0; k < C; k++) {
                    spread_out(&g2, j, k, right);
                    sum += inner(left, right, M) * p[i > j ? i * N + j : j * N + i] * u[j * C + k];
                }
            CHECK(fabs(sum - product[i * C + c]) < 1e-3);
        }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_deep_gram_product_f32(level, &g2, &columns2, p, u, product, scratch, len - 1, error));
    free(scratch);
    OK(subquad_combine_f32(level, &g2, u, s, error));
    subquad_sparse_f32 terms = {fired2, 1, s};
    spread_out(&terms, 4, 0, left);
    for (int c = 0; c < C; c++) {
        spread_out(&g2, 4, c, right);
        for (int r = 0; r < M; r++) left[r] -= u[4 * C + c] * right[r];
    }
    CHECK(inner(left, left, M) < 1e-8);

    // The update sum_i s_i h_i^T: lazily, transposed, and added to W2^T in two ways.
    subquad_low_rank_f32 update = {terms, columns2, h, columns};
    memcpy(again, z2, N * M * sizeof *again);
    len = subquad_low_rank_query_scratch_len_f32(&update, N);
    scratch = floats(len);
    OK(subquad_low_rank_query_f32(level, &update, 2, &h, &columns, again, scratch, len, error));
    for (int i = 0; i < N; i++)
        for (int r = 0; r < M; r++) {
            double sum = z2[i * M + r];
            for (int f = 0; f < N; f++) spread_out(&terms, f, 0, left), sum += 2 * left[r] * inner(rows[f], rows[i], M);
            CHECK(fabs(sum - again[i * M + r]) < 1e-3);
        }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_low_rank_query_f32(level, &update, 2, &h, &columns, again, scratch, len - 1, error));
    free(scratch);
    float *sparse = floats(subquad_panels_len(M, M)), *dense = floats(subquad_panels_len(M, M)), *e2 = floats(C * room);
    memcpy(sparse, packed, subquad_panels_len(M, M) * sizeof *sparse), memcpy(dense, packed, subquad_panels_len(M, M) * sizeof *dense);
    OK(subquad_low_rank_fold_sparse_f32(&update, M, M, sparse, error));
    len = subquad_low_rank_fold_dense_scratch_len_f32(&update);
    scratch = floats(len);
    OK(subquad_low_rank_fold_dense_f32(level, &update, M, M, dense, scratch, len, error));
    for (size_t i = 0; i < subquad_panels_len(M, M); i++) CHECK(fabs(sparse[i] - dense[i]) < 1e-3);
    REFUSED(SUBQUAD_LENGTH, "", subquad_low_rank_fold_sparse_f32(&update, M - 1, M, sparse, error));
    free(scratch);
    len = subquad_low_rank_transposed_scratch_len_f32(&update, C);
    size_t more = subquad_backward_scratch_len(C, longest2, longest);
    if (len < more) len = more;
    scratch = floats(len);
    OK(subquad_low_rank_transposed_f32(level, &update, &g2, &fired, e, scratch, len, error));
    subquad_panels_f32 folded = {M, M, true, sparse};
    OK(subquad_backward_f32(level, &g2, &folded, &fired, e2, scratch, len, error));
    for (size_t i = 0; i < C * places; i++) CHECK(fabs(e[i] - e2[i]) < 1e-2);
    subquad_low_rank_f32 wrong = update;
    wrong.v_columns.cols = 1;
    wrong.v_columns.starts = columns.starts;
    CHECK(subquad_low_rank_query_scratch_len_f32(&wrong, N) == 0);
    REFUSED(SUBQUAD_NULL, "x", subquad_low_rank_query_f32(level, &update, 2, NULL, &columns, again, scratch, len, error));
    REFUSED(SUBQUAD_NULL, "update", subquad_low_rank_fold_sparse_f32(NULL, M, M, sparse, error));
    free(scratch);

    // What a term gives to each sample: Z += M^T U with the identity's rows as shares.
    float shares[N * 2], *zs = floats(2 * M);
    for (int i = 0; i < N * 2; i++) shares[i] = i == 2 * 5 + 1; // the second sample takes term 5
    for (int i = 0; i < 2 * M; i++) zs[i] = 0;
    subquad_panels_f32 m = {N, 2, false, shares};
    len = subquad_spread_scratch_len(places2);
    scratch = floats(len);
    OK(subquad_spread_f32(level, 3, &terms, &columns2, &m, zs, scratch, len, error));
    spread_out(&terms, 5, 0, left);
    for (int r = 0; r < M; r++) CHECK(zs[r] == 0 && fabs(zs[M + r] - 3 * left[r]) < 1e-5);
    free(scratch);

    // Weights that are stored nowhere: the backward pass is the forward's transpose.
    len = subquad_structured_forward_scratch_len(M, M);
    more = subquad_structured_backward_scratch_len(M, M, C, longest2, longest);
    if (len < more) len = more;
    scratch = floats(len);
    OK(subquad_structured_forward_f32(level, M, M, 7, &h, &columns, again, scratch, len, error));
    OK(subquad_structured_backward_f32(level, M, M, 7, &g2, &fired, e2, scratch, len, error));
    below.values = e2;
    for (int i = 0; i < N; i++)
        for (int c = 0; c < C; c++) {
            spread_out(&g2, i, c, left), spread_out(&below, i, c, right);
            CHECK(fabs(inner(left, again + i * M, M) - inner(rows[i], right, M)) < 1e-3);
        }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_structured_forward_f32(level, M, M, 7, &h, &columns, again, scratch, 1, error));

    // Descriptions that are not what they say.
    uint32_t beyond[1] = {M}, one[1] = {0};
    size_t two[2] = {0, 1}, down[2] = {1, 0}, at[1] = {0};
    subquad_support bad = {1, M, two, beyond}, falling = {1, M, down, one}, none = {1, M, NULL, one};
    uint32_t a_row[1], a_place[1];
    size_t a_start[M + 1];
    REFUSED(SUBQUAD_VALUE, "", subquad_transpose(&bad, a_start, a_row, a_place, error));
    REFUSED(SUBQUAD_LENGTH, "", subquad_transpose(&falling, a_start, a_row, a_place, error));
    REFUSED(SUBQUAD_NULL, "starts", subquad_transpose(&none, a_start, a_row, a_place, error));
    REFUSED(SUBQUAD_NULL, "of", subquad_transpose(NULL, at, a_row, a_place, error));
    free_columns(columns), free_columns(columns2);
    free(w1), free(w2), free(x), free(a), free(z), free(indices), free(values), free(transposed), free(packed), free(z2), free(again);
    free(indices2), free(values2), free(g), free(e), free(u), free(s), free(sparse), free(dense), free(e2), free(zs), free(scratch);
}

void lists(uint8_t level) {
    // The two-layer network, from its pattern; then the same from lists of what fires.
    float *x = gaussian(N * D, 40), *w = gaussian(M * D, 41), *a = floats(C * M), *u = gaussian(N * C, 42), shift = 1;
    OK(subquad_signs_f32(1, 43, a, C * M, error));
    size_t len = subquad_gram_product_scratch_len(D, M, C);
    if (len < subquad_fired_outputs_scratch_len(N, D, M, C)) len = subquad_fired_outputs_scratch_len(N, D, M, C);
    if (len < subquad_forward_scratch_len(D, M, C)) len = subquad_forward_scratch_len(D, M, C);
    if (len < subquad_vjp_scratch_len(D, M, C)) len = subquad_vjp_scratch_len(D, M, C);
    if (len < subquad_fired_scratch_len(D, C)) len = subquad_fired_scratch_len(D, C);
    float *scratch = floats(len), f[N * C], sum[N * C], part[N * C], *gradient = floats(M * D), *then = floats(M * D), *moved = floats(M);
    uint64_t *pattern = malloc(subquad_pattern_len(N, M) * sizeof *pattern);
    OK(subquad_forward_f32(level, N, D, M, C, x, w, a, shift, pattern, f, scratch, len, error));

    size_t starts[M + 1], at = 0;
    uint32_t *samples = malloc(N * M * sizeof *samples);
    float *values = floats(N * M);
    for (int r = 0; r < M; r++) {
        starts[r] = at;
        for (uint32_t i = 0; i < N; i++)
            if (pattern[i * 3 + r / 64] >> (r % 64) & 1) samples[at++] = i;
        OK(subquad_fired_values_f32(level, N, D, x, w + r * D, samples + starts[r], at - starts[r], values + starts[r], error));
    }
    starts[M] = at;
    subquad_fired_f32 fired = {M, N, starts, samples, values};

    // Outputs and the step, with the same bits.
    memset(sum, 0, sizeof sum);
    for (size_t g = 0; g < subquad_fired_groups(D, M); g++) {
        OK(subquad_fired_outputs_f32(level, &fired, D, C, a, g, shift, part, scratch, len, error));
        for (int i = 0; i < N * C; i++) sum[i] += part[i];
    }
    CHECK(!memcmp(f, sum, sizeof f) && subquad_fired_group_len(D, M) * subquad_fired_groups(D, M) >= M);
    OK(subquad_vjp_f32(level, N, D, M, C, x, a, pattern, u, gradient, scratch, len, error));
    memcpy(then, w, M * D * sizeof *then);
    OK(subquad_axpy_f32(level, M * D, -0.1f, gradient, then, error));
    float *descended = floats(M * D);
    memcpy(descended, w, M * D * sizeof *then);
    OK(subquad_fired_descend_f32(level, &fired, D, C, x, a, u, 0.1f, 0, M, descended, moved, scratch, len, error));
    for (int k = 0; k < M * D; k++) CHECK(fabs(then[k] - descended[k]) < 1e-5);
    CHECK(fabs(moved[7] - 0.1 * sqrt(inner(gradient + 7 * D, gradient + 7 * D, D))) < 1e-4);

    // The Gram product, and the derivative by the inputs.
    OK(subquad_gram_product_f32(level, N, D, M, C, x, a, pattern, u, part, scratch, len, error));
    memset(sum, 0, sizeof sum);
    OK(subquad_fired_gram_product_f32(level, &fired, D, C, x, a, u, 0, M, sum, scratch, len, error));
    for (int i = 0; i < N * C; i++) CHECK(fabs(sum[i] - part[i]) < 1e-3);
    float inputs[N * D];
    for (int i = 0; i < N * D; i++) inputs[i] = 0;
    OK(subquad_fired_input_gradient_f32(level, &fired, D, C, w, a, u, inputs, scratch, len, error));
    for (int k = 0; k < D; k++) {
        double wanted = 0;
        for (int r = 0; r < M; r++)
            for (int c = 0; c < C; c++) wanted += (pattern[r / 64] >> (r % 64) & 1) * u[c] * a[c * M + r] * w[r * D + k];
        CHECK(fabs(wanted / sqrt(M) - inputs[k]) < 1e-3);
    }

    size_t need = subquad_fired_scratch_len(D, C);
    REFUSED(SUBQUAD_TOO_SHORT, "scratch", subquad_fired_descend_f32(level, &fired, D, C, x, a, u, 0.1f, 0, M, w, moved, scratch, need - 1, error));
    REFUSED(SUBQUAD_NULL, "lists", subquad_fired_descend_f32(level, NULL, D, C, x, a, u, 0.1f, 0, M, w, moved, scratch, len, error));
    REFUSED(SUBQUAD_NULL, "moved", subquad_fired_descend_f32(level, &fired, D, C, x, a, u, 0.1f, 0, M, w, NULL, scratch, len, error));
    fired.n = 1;
    REFUSED(SUBQUAD_VALUE, "fired: samples: must be less than", subquad_fired_gram_product_f32(level, &fired, D, C, x, a, u, 0, M, sum, scratch, len, error));
    free(x), free(w), free(a), free(u), free(scratch), free(gradient), free(then), free(moved), free(pattern), free(samples), free(values);
    free(descended);
}
