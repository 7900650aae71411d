// Half-space reporting: the scan, and what is kept in bytes.
#include "test.h"

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
    uint32_t kinds[] = {1, 2, 4, 6};
    for (int i = 0; i < 4; i++) {
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
            memset(found_counts, 0, sizeof found_counts);
            OK(subquad_query_f32(level, kind, bytes, size, false, N, D, x, threshold, 0, found_counts, NULL, NULL, scratch, query, error));
            CHECK(!memcmp(counts, found_counts, sizeof counts)); // counted, and not listed
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
            OK(subquad_update_f32(kind, bytes, size, 17, w + 17 * D, D, round == 0, error));
            if (round) OK(subquad_seal_f32(kind, bytes, size, error));
        }
        size_t m = 0, d = 0;
        OK(subquad_index_shape_f32(kind, bytes, size, true, &m, &d, error));
        CHECK(m == M && d == D);
        REFUSED(SUBQUAD_NULL, "d", subquad_index_shape_f32(kind, bytes, size, true, &m, NULL, error));
        REFUSED(SUBQUAD_TOO_SHORT, "bytes", subquad_index_shape_f32(kind, bytes, size - 1, false, &m, &d, error));
        REFUSED(SUBQUAD_LENGTH, "kind", subquad_seal_f32(kind == 1 ? 2 : 1, bytes, size, error));
        REFUSED(SUBQUAD_TOO_SHORT, "bytes", subquad_verify_f32(kind, bytes, size - 1, M, D, w, error));
        REFUSED(SUBQUAD_LENGTH, "columns",
                subquad_query_f32(level, kind, bytes, size, false, 1, D - 1, x, threshold, M, found_counts, found, NULL, scratch, query, error));
        REFUSED(SUBQUAD_TOO_SHORT, "scratch",
                subquad_query_f32(level, kind, bytes, size, false, N, D, x, threshold, M, found_counts, found, NULL, scratch, query - 1, error));
        REFUSED(SUBQUAD_VALUE, "neuron", subquad_update_f32(kind, bytes, size, M, w, D, false, error));
        REFUSED(SUBQUAD_LENGTH, "kind", subquad_verify_f32(kind == 1 ? 2 : 1, bytes, size, M, D, w, error));
        REFUSED(SUBQUAD_VALUE, "modulo 8: must be 0, found 4", subquad_verify_f32(kind, bytes + 4, size - 4, M, D, w, error));
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
    CHECK(subquad_index_len_f32(3, M, D) == SIZE_MAX && subquad_query_scratch_len_f32(5, M, D) == SIZE_MAX);
    REFUSED(SUBQUAD_VALUE, "kind of index: must be 1 (packed), 2 (screened), 4 (ball tree) or 6 (rotated), found 3",
            subquad_verify_f32(3, NULL, 0, M, D, w, error));
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
        // One sample alone.
        uint32_t last = 0;
        OK(subquad_max_tree_query_from_f32(level, tree, tree_len, false, N - 1, 1, threshold, M, &last, found, NULL, scratch, len, error));
        CHECK(last == counts[N - 1] && !memcmp(indices + (N - 1) * M, found, last * sizeof *found));
        OK(subquad_candidates_query_from_f32(level, lists, lists_len, false, M, D, w, N - 1, 1, threshold, M, &last, found, NULL, error));
        CHECK(last == counts[N - 1] && !memcmp(indices + (N - 1) * M, found, last * sizeof *found));
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
            subquad_candidates state;
            OK(subquad_candidates_update_all_f32(level, lists, lists_len, M, D, w, false, error));
            OK(subquad_candidates_state_f32(lists, lists_len, false, &state, error));
            CHECK(state.hot > M / 4 && state.rho == 0.1 && state.rebuilds == 0);
            OK(subquad_candidates_advance_f32(level, lists, lists_len, M, D, w, true, &rebuilt, scratch, len, error));
            CHECK(rebuilt);
            OK(subquad_candidates_rebuild_f32(level, lists, lists_len, M, D, w, 0.2, false, scratch, len, error));
            REFUSED(SUBQUAD_VALUE, "checksum", subquad_candidates_state_f32(lists, lists_len, true, &state, error));
            OK(subquad_candidates_seal_f32(lists, lists_len, error));
            OK(subquad_candidates_state_f32(lists, lists_len, true, &state, error));
            CHECK(state.m == M && state.d == D && state.n == N && state.rho == 0.2 && state.hot == 0 && state.rebuilds == 2 && state.most > 0);
            size_t m, d, n;
            OK(subquad_max_tree_update_f32(level, tree, tree_len, moved, 1, D, w + moved[0] * D, false, scratch, len, error));
            REFUSED(SUBQUAD_VALUE, "checksum", subquad_max_tree_shape_f32(tree, tree_len, true, &m, &d, &n, error));
            OK(subquad_max_tree_seal_f32(tree, tree_len, error));
            OK(subquad_max_tree_shape_f32(tree, tree_len, true, &m, &d, &n, error));
            CHECK(m == M && d == D && n == N);
            REFUSED(SUBQUAD_NULL, "n", subquad_max_tree_shape_f32(tree, tree_len, true, &m, &d, NULL, error));
            REFUSED(SUBQUAD_NULL, "to", subquad_candidates_state_f32(lists, lists_len, true, NULL, error));
        }
    }
    REFUSED(SUBQUAD_TOO_SHORT, "scratch",
            subquad_max_tree_query_f32(level, tree, tree_len, false, N, threshold, M, counts, indices, NULL, scratch, 1, error));
    REFUSED(SUBQUAD_VALUE, "threshold", subquad_candidates_query_f32(level, lists, lists_len, false, M, D, w, N, 0, M, counts, indices, NULL, error));
    REFUSED(SUBQUAD_LENGTH, "", subquad_max_tree_query_f32(level, tree, tree_len, false, N - 1, threshold, M, counts, indices, NULL, scratch, len, error));
    moved[0] = M;
    REFUSED(SUBQUAD_VALUE, "neuron", subquad_max_tree_update_f32(level, tree, tree_len, moved, 2, D, w, false, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "sample", subquad_max_tree_replace_f32(level, tree, tree_len, N, x, M, D, w, false, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "query: end of the samples: must be at most 6, found ",
            subquad_max_tree_query_from_f32(level, tree, tree_len, false, N - 1, 2, threshold, M, counts, indices, NULL, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "query: end of the samples: must be at most 6, found ",
            subquad_candidates_query_from_f32(level, lists, lists_len, false, M, D, w, SIZE_MAX, 1, threshold, M, counts, indices, NULL, error));
    REFUSED(SUBQUAD_LENGTH, "update: rows of W: expected 400, found 399",
            subquad_candidates_update_all_f32(level, lists, lists_len, M - 1, D, w, false, error));
    REFUSED(SUBQUAD_LENGTH, "kind", subquad_candidates_seal_f32(tree, tree_len, error));
    REFUSED(SUBQUAD_LENGTH, "kind", subquad_max_tree_seal_f32(lists, lists_len, error));
    REFUSED(SUBQUAD_LENGTH, "kind", subquad_max_tree_verify_f32(level, lists, lists_len, M, D, w, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "rho", subquad_candidates_rebuild_f32(level, lists, lists_len, M, D, w, -1, false, scratch, len, error));
    REFUSED(SUBQUAD_VALUE, "neuron", subquad_candidates_update_f32(lists, lists_len, M, w, D, false, error));
    REFUSED(SUBQUAD_NULL, "bytes", subquad_candidates_query_f32(level, NULL, lists_len, false, M, D, w, N, threshold, M, counts, indices, NULL, error));
    free(w), free(x), free(indices), free(found), free(tree), free(lists), free(scratch);
}

// A rotated index, of a seed: the same bytes at every level, and it says what they left open.
static void rotated(uint8_t level) {
    enum { M = 300, D = 24, N = 4 };
    float *w = gaussian(M * D, 50), *x = gaussian(N * D, 51), threshold = 6;
    for (int r = 0; r < M; r++) w[r * D + r % D] *= 30; // few large numbers among many small ones
    size_t size = subquad_index_len_f32(6, M, D), query = subquad_query_scratch_len_f32(6, M, D);
    size_t plain_size = subquad_index_len_f32(2, M, D);
    CHECK(query >= subquad_query_scratch_len_f32(2, M, D) && subquad_build_scratch_len_f32(6, M, D) == 0);
    uint8_t *bytes = malloc(size), *other = malloc(size), *plain = malloc(plain_size);
    float *scratch = floats(query), *values = floats(N * M), *found_values = floats(N * M);
    uint32_t counts[N], found_counts[N], *indices = malloc(N * M * sizeof *indices), *found = malloc(N * M * sizeof *found);
    OK(subquad_build_rotated_f32(level, M, D, w, 42, bytes, size, error));
    OK(subquad_build_rotated_f32(1, M, D, w, 42, other, size, error));
    CHECK(!memcmp(bytes, other, size));
    uint64_t seed = 0, open = 0, plain_open = 0;
    OK(subquad_rotated_seed_f32(bytes, size, &seed, error));
    CHECK(seed == 42);
    OK(subquad_build_f32(6, M, D, w, other, size, NULL, 0, error));
    OK(subquad_rotated_seed_f32(other, size, &seed, error));
    CHECK(seed == 0 && memcmp(bytes, other, size));
    OK(subquad_build_f32(2, M, D, w, plain, plain_size, NULL, 0, error));
    OK(subquad_verify_f32(6, bytes, size, M, D, w, error));
    OK(subquad_query_counting_f32(level, 2, plain, plain_size, true, N, D, x, threshold, M, counts, indices, values, &plain_open, scratch, query, error));
    OK(subquad_query_counting_f32(level, 6, bytes, size, true, N, D, x, threshold, M, found_counts, found, found_values, &open, scratch, query, error));
    CHECK(!memcmp(counts, found_counts, sizeof counts) && open < plain_open && plain_open <= N * M);
    for (int i = 0; i < N; i++) {
        CHECK(!memcmp(indices + i * M, found + i * M, counts[i] * sizeof *found));
        CHECK(!memcmp(values + i * M, found_values + i * M, counts[i] * sizeof *values));
    }
    uint64_t again = 0;
    OK(subquad_query_counting_f32(level, 6, bytes, size, false, N, D, x, threshold, 0, found_counts, NULL, NULL, &again, scratch, query, error));
    CHECK(again == open && !memcmp(counts, found_counts, sizeof counts));

    REFUSED(SUBQUAD_VALUE, "kind of index that counts: must be 2 (screened) or 6 (rotated), found 1",
            subquad_query_counting_f32(level, 1, bytes, size, false, N, D, x, threshold, 0, found_counts, NULL, NULL, &again, scratch, query, error));
    REFUSED(SUBQUAD_NULL, "open",
            subquad_query_counting_f32(level, 6, bytes, size, false, N, D, x, threshold, 0, found_counts, NULL, NULL, NULL, scratch, query, error));
    char text[64];
    snprintf(text, sizeof text, "scratch: needs at least %zu elements, found %zu", query, query - 1);
    REFUSED(SUBQUAD_TOO_SHORT, text,
            subquad_query_counting_f32(level, 6, bytes, size, false, N, D, x, threshold, 0, found_counts, NULL, NULL, &again, scratch, query - 1, error));
    snprintf(text, sizeof text, "bytes: needs at least %zu elements, found %zu", size, size - 8);
    REFUSED(SUBQUAD_TOO_SHORT, text, subquad_build_rotated_f32(level, M, D, w, 1, bytes, size - 8, error));
    REFUSED(SUBQUAD_LENGTH, "kind of structure: expected 6, found 2", subquad_rotated_seed_f32(plain, plain_size, &seed, error));
    REFUSED(SUBQUAD_NULL, "w", subquad_build_rotated_f32(level, M, D, NULL, 1, bytes, size, error));
    free(w), free(x), free(bytes), free(other), free(plain), free(scratch), free(values), free(found_values), free(indices), free(found);
}

// Neurons come to a ball tree with room, and go.
static void coming_and_going(uint8_t level) {
    enum { M = 200, D = 4, N = 3 };
    float *w = gaussian(M * D, 52), *x = gaussian(N * D, 53), threshold = 1;
    size_t size = subquad_index_len_f32(4, M, D), room = subquad_build_scratch_len_f32(4, M, D), query = subquad_query_scratch_len_f32(4, M, D);
    size_t scan = subquad_scan_scratch_len(D, M), len = room > query ? room : query;
    uint8_t *bytes = malloc(size);
    float *scratch = floats(len > scan ? len : scan);
    uint32_t counts[N], found_counts[N], *indices = malloc(N * M * sizeof *indices), *found = malloc(N * M * sizeof *found);
    OK(subquad_build_with_room_f32(M / 2, D, w, M, bytes, size, scratch, len, error));
    CHECK(subquad_present_f32(bytes, size) == M / 2 && subquad_contains_f32(bytes, size, 99) && !subquad_contains_f32(bytes, size, 100));
    for (size_t r = M / 2; r < M; r++) OK(subquad_insert_f32(bytes, size, r, w + r * D, D, r == M - 1, error));
    CHECK(subquad_present_f32(bytes, size) == M && subquad_moved_f32(bytes, size) == M / 2);
    OK(subquad_verify_f32(4, bytes, size, M, D, w, error));
    OK(subquad_scan_f32(level, M, D, N, w, x, threshold, M, counts, indices, NULL, scratch, scan, error));
    OK(subquad_query_f32(level, 4, bytes, size, true, N, D, x, threshold, M, found_counts, found, NULL, scratch, query, error));
    CHECK(!memcmp(counts, found_counts, sizeof counts));
    for (int i = 0; i < N; i++) CHECK(!memcmp(indices + i * M, found + i * M, counts[i] * sizeof *found));
    // The odd ones go: the even ones are left.
    for (size_t r = 1; r < M; r += 2) OK(subquad_delete_f32(bytes, size, r, r == M - 1, error));
    OK(subquad_query_f32(level, 4, bytes, size, true, N, D, x, threshold, M, found_counts, found, NULL, scratch, query, error));
    CHECK(subquad_present_f32(bytes, size) == M / 2 && !subquad_contains_f32(bytes, size, 7));
    for (int i = 0; i < N; i++) {
        uint32_t at = 0;
        for (uint32_t j = 0; j < counts[i]; j++)
            if (indices[i * M + j] % 2 == 0) CHECK(at < found_counts[i] && found[i * M + at++] == indices[i * M + j]);
        CHECK(at == found_counts[i]);
    }
    CHECK(!subquad_contains_f32(NULL, 0, 1) && subquad_present_f32(NULL, 0) == 0 && subquad_moved_f32(NULL, 0) == 0);

    REFUSED(SUBQUAD_VALUE, "insert: neuron: must be one that is not there, found 8", subquad_insert_f32(bytes, size, 8, w, D, false, error));
    REFUSED(SUBQUAD_VALUE, "insert: neuron: must be less than 200, found 200", subquad_insert_f32(bytes, size, M, w, D, false, error));
    REFUSED(SUBQUAD_LENGTH, "insert: length of the row: expected 4, found 3", subquad_insert_f32(bytes, size, 7, w, D - 1, false, error));
    REFUSED(SUBQUAD_NULL, "row", subquad_insert_f32(bytes, size, 7, NULL, D, false, error));
    REFUSED(SUBQUAD_VALUE, "delete: neuron: must be one that is there, found 7", subquad_delete_f32(bytes, size, 7, false, error));
    REFUSED(SUBQUAD_VALUE, "delete: neuron: must be less than 200, found ", subquad_delete_f32(bytes, size, SIZE_MAX, false, error));
    REFUSED(SUBQUAD_NULL, "bytes", subquad_delete_f32(NULL, size, 7, false, error));
    REFUSED(SUBQUAD_TOO_SHORT, "build: room for neurons: needs at least 200 elements, found 199",
            subquad_build_with_room_f32(M, D, w, M - 1, bytes, size, scratch, len, error));
    char text[64];
    snprintf(text, sizeof text, "scratch: needs at least %zu elements, found %zu", room, room - 1);
    REFUSED(SUBQUAD_TOO_SHORT, text, subquad_build_with_room_f32(M, D, w, M, bytes, size, scratch, room - 1, error));
    free(w), free(x), free(bytes), free(scratch), free(indices), free(found);
}

static void choices(void) {
    float even[8] = {1, -1, 1, 1, -1, 1, -1, 1}, uneven[8] = {0, 0.1f, 0, 0, 9, 0, 0.1f, 0};
    double peak = 0;
    OK(subquad_peak_f32(1, 8, even, &peak, error));
    CHECK(peak < 1);
    OK(subquad_peak_f32(1, 8, uneven, &peak, error));
    CHECK(peak > 1.5);
    subquad_workload work = {.m = 65536, .d = 64, .n = 1, .fired = 0.02, .drift = -1, .reuse = 100, .peak = peak};
    uint32_t kind = 99;
    OK(subquad_auto(&work, &kind, error));
    CHECK(kind == 6);
    work.peak = 1;
    OK(subquad_auto(&work, &kind, error));
    CHECK(kind == 2);
    work.drift = 0.01;
    OK(subquad_auto(&work, &kind, error));
    CHECK(kind == 5);
    REFUSED(SUBQUAD_NULL, "to", subquad_peak_f32(1, 8, even, NULL, error));
    REFUSED(SUBQUAD_NULL, "w", subquad_peak_f32(1, 8, NULL, &peak, error));
    REFUSED(SUBQUAD_NULL, "work", subquad_auto(NULL, &kind, error));
    work.fired = NAN;
    REFUSED(SUBQUAD_VALUE, "work: fired: must be a number, found NaN", subquad_auto(&work, &kind, error));
}

void indices(uint8_t level) { reporting(level), rotated(level), coming_and_going(level), staying(level), choices(); }
