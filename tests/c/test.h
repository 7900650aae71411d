// What the tests of the C face share: checks that count what is not so, and inputs.
#include "subquad.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int failures;

#define CHECK(condition)                                                                                                      \
    do {                                                                                                                      \
        if (!(condition)) {                                                                                                   \
            failures++;                                                                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                           \
        }                                                                                                                     \
    } while (0)

// The call succeeds; else its message is printed.
#define OK(call)                                                                                                              \
    do {                                                                                                                      \
        subquad_error report_;                                                                                                \
        subquad_error *error = &report_;                                                                                      \
        if ((call) != SUBQUAD_OK) {                                                                                           \
            failures++;                                                                                                       \
            fprintf(stderr, "%s:%d: %s (%d, %s)\n", __FILE__, __LINE__, report_.message, report_.code, subquad_message(report_.code));\
        }                                                                                                                     \
    } while (0)

// The call is refused with this code, and its message has this text.
#define REFUSED(wanted, text, call)                                                                                           \
    do {                                                                                                                      \
        subquad_error report_;                                                                                                \
        subquad_error *error = &report_;                                                                                      \
        int code_ = (call);                                                                                                   \
        if (code_ != (wanted) || report_.code != code_ || !strstr(report_.message, text)) {                                   \
            failures++;                                                                                                       \
            fprintf(stderr, "%s:%d: code %d, '%s'\n", __FILE__, __LINE__, code_, report_.message);                            \
        }                                                                                                                     \
        error = NULL;                                                                                                         \
        CHECK((call) == (wanted));                                                                                            \
    } while (0)

static inline float *floats(size_t n) {
    float *x = malloc((n ? n : 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = NAN;
    return x;
}

static inline float *gaussian(size_t n, uint32_t stream) {
    float *x = floats(n);
    OK(subquad_gaussian_f32(1, stream, x, n, error));
    return x;
}

static inline double inner(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

// tests/c/solvers.c, tests/c/indices.c, tests/c/layers.c, tests/c/refusals.c
void solvers(uint8_t level);
void indices(uint8_t level);
void layers(uint8_t level);
void lists(uint8_t level);
void refusals(void);
