// Systems of equations, through callbacks.
#include "test.h"

struct system {
    int calls, fail_at;
    size_t rows;
};

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
    REFUSED(SUBQUAD_VALUE, "bound of the spectrum",
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

// Tridiagonal, row by row; the rows that there still are get counted.
static int tridiagonal_rows(void *context, const float *x, float *y, size_t rows, size_t n) {
    struct system *system = context;
    system->rows += rows;
    for (size_t r = 0; r < rows; r++)
        if (tridiagonal(context, x + r * n, y + r * n, n)) return 42;
    return 0;
}

static int thirds(void *context, const float *r, float *z, size_t rows, size_t n) {
    (void)context;
    for (size_t i = 0; i < rows * n; i++) z[i] = r[i] / 3;
    return 0;
}

static int minus_nine(void *context, const float *r, float *z, size_t rows, size_t n) {
    (void)context, (void)r, (void)z, (void)rows, (void)n;
    return -9;
}

struct course { struct system system; size_t calls, stop_at; };

static int watch_it(void *context, const subquad_iteration *at) {
    struct course *course = context;
    CHECK(at->iterations == course->calls && at->rhs_norm > 0 && at->unfinished > 0);
    return ++course->calls > course->stop_at;
}

// Several right-hand sides have the bits that each has alone; one of them is watched.
static void many(uint8_t level) {
    enum { N = 60, K = 5 };
    float *b = gaussian(K * N, 40), x[K * N] = {0}, alone[N];
    memset(b + 2 * N, 0, N * sizeof *b); // solved before it begins
    size_t len = subquad_cg_rows_scratch_len_f32(K, N), one = subquad_cg_scratch_len(N);
    float *scratch = floats(len), *single = floats(one);
    subquad_stopping stopping = {.relative = 1e-5, .max_iterations = 100};
    subquad_report reports[K], report;
    struct system system = {0};
    OK(subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &system, b, x, &stopping, NULL, reports, scratch, len, error));
    size_t products = 0;
    for (int k = 0; k < K; k++) {
        memset(alone, 0, sizeof alone);
        OK(subquad_cg_f32(level, N, tridiagonal, NULL, &system, b + k * N, alone, &stopping, &report, single, one, error));
        CHECK(!memcmp(alone, x + k * N, sizeof alone) && report.status == 0 && reports[k].status == 0);
        CHECK(report.iterations == reports[k].iterations && report.residual_norm == reports[k].residual_norm && report.rhs_norm == reports[k].rhs_norm);
        products += report.iterations;
    }
    CHECK(reports[2].iterations == 0 && system.rows == products); // what is finished is multiplied no more

    // Watched: what each residual was, and what it is; stopped after three products. Scratch need not be aligned for more than floats.
    double history[4 * K], truth[K];
    for (int i = 0; i < 4 * K; i++) history[i] = -1;
    float *odd = malloc((len + 1) * sizeof *odd);
    struct course course = {.stop_at = 3};
    subquad_watch watch = {.history = history, .history_len = 4 * K, .callback = watch_it, .check = 1, .true_residual_norms = truth};
    memset(x, 0, sizeof x);
    OK(subquad_cg_rows_f32(level, K, N, tridiagonal_rows, thirds, &course, b, x, &stopping, &watch, reports, odd + 1, len, error));
    for (int k = 0; k < K; k++) {
        CHECK(reports[k].status == (k == 2 ? 0 : 7) && reports[k].iterations == (k == 2 ? 0 : 3));
        CHECK(history[k] == reports[k].rhs_norm && history[3 * K + k] == reports[k].residual_norm);
        CHECK(fabs(truth[k] - reports[k].residual_norm) <= 1e-4 * reports[k].rhs_norm);
    }
    watch = (subquad_watch){.true_residual_norms = truth};
    OK(subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &course, b, x, &stopping, &watch, reports, scratch, len, error));
    CHECK(isnan(truth[0]) && reports[4].status == 0);
    OK(subquad_cg_rows_f32(level, 0, N, tridiagonal_rows, NULL, NULL, NULL, NULL, &stopping, NULL, NULL, NULL, 0, error));

    REFUSED(SUBQUAD_CALLBACK, "operator: the callback returned 42",
            (system = (struct system){.fail_at = 3}, memset(x, 0, sizeof x),
             subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &system, b, x, &stopping, NULL, reports, scratch, len, error)));
    system = (struct system){0};
    REFUSED(SUBQUAD_CALLBACK, "preconditioner: the callback returned -9",
            subquad_cg_rows_f32(level, K, N, tridiagonal_rows, minus_nine, &system, b, x, &stopping, NULL, reports, scratch, len, error));
    char text[64];
    snprintf(text, sizeof text, "scratch: needs at least %zu elements, found %zu", len, len - 1);
    REFUSED(SUBQUAD_TOO_SHORT, text, subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &system, b, x, &stopping, NULL, reports, scratch, len - 1, error));
    REFUSED(SUBQUAD_NULL, "operator", subquad_cg_rows_f32(level, K, N, NULL, NULL, &system, b, x, &stopping, NULL, reports, scratch, len, error));
    REFUSED(SUBQUAD_NULL, "reports", subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &system, b, x, &stopping, NULL, NULL, scratch, len, error));
    REFUSED(SUBQUAD_OVERFLOW, "b", subquad_cg_rows_f32(level, SIZE_MAX, N, tridiagonal_rows, NULL, &system, b, x, &stopping, NULL, reports, scratch, len, error));
    watch.check = 3;
    REFUSED(SUBQUAD_VALUE, "watch: check: must be 0, 1 or 2, found 3",
            subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &system, b, x, &stopping, &watch, reports, scratch, len, error));
    watch = (subquad_watch){.history_len = 5};
    REFUSED(SUBQUAD_NULL, "watch: history",
            subquad_cg_rows_f32(level, K, N, tridiagonal_rows, NULL, &system, b, x, &stopping, &watch, reports, scratch, len, error));
    free(b), free(scratch), free(single), free(odd);
}

void solvers(uint8_t level) { conjugate_gradients(level), many(level), squares(level), fixed_steps(level); }
