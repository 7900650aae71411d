// The C face of subquad. Made by cbindgen from src/capi: do not edit.
//
// Every function that can fail returns SUBQUAD_OK = 0 or another code, and takes a subquad_error last: where it is not
// null, it gets the code and a sentence with the figures. Levels come first, 0 is the best of the processor. Matrices
// are dense and row-major. Scratch is the caller's: as many elements as the function .._scratch_len says, or more,
// holding anything. A pointer that is not null points to as many elements as its shape says; buffers that are written
// overlap nothing else. Functions may be called from any thread.
//
// Models (subquad_model..) are there where the library was built with feature `io`.

#ifndef SUBQUAD_H
#define SUBQUAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// All is well.
#define SUBQUAD_OK 0

// A pointer is null that must not be.
#define SUBQUAD_NULL 1

// A slice or a dimension has the wrong length.
#define SUBQUAD_LENGTH 2

// A buffer is too short.
#define SUBQUAD_TOO_SHORT 3

// There is no Walsh-Hadamard transform of this length.
#define SUBQUAD_TRANSFORM_LENGTH 4

// A number is outside its range.
#define SUBQUAD_VALUE 5

// A dimension, or a product of dimensions, is too large.
#define SUBQUAD_OVERFLOW 6

// A callback returned something other than 0.
#define SUBQUAD_CALLBACK 7

// A model could not be read, or cannot be asked this.
#define SUBQUAD_MODEL 8

// A defect of the library.
#define SUBQUAD_PANIC 9

// A trained model, of two layers or deep; it is read only, and may be asked from several threads at once.
typedef struct subquad_model subquad_model;

// What went wrong.
typedef struct {
  // One of the codes.
  int code;
  // The length that fits or that is enough, or the limit of a number that has to be a count; of a callback, what it returned. 0 where
  // there is no such count: a limit that is no count, and the factors of a product that overflows, are in the message alone.
  size_t expected;
  // The length or the count that was handed over; 0 where there is none, as with a shift or a tolerance, which the message has.
  size_t found;
  // A sentence with the figures, ended by a zero; cut off where it is longer.
  char message[256];
} subquad_error;

// How candidate lists stand.
typedef struct {
  // Neurons.
  size_t m;
  // Their numbers.
  size_t d;
  // Samples.
  size_t n;
  // The skin.
  double rho;
  // Neurons that have moved farther than that, and are looked at on every sample.
  size_t hot;
  // How often the lists were built anew.
  uint64_t rebuilds;
  // The largest number of candidates of a sample, whether or not there was room for them.
  size_t most;
} subquad_candidates;

// What half-space reporting there is to do.
typedef struct {
  // Neurons.
  size_t m;
  // Their numbers.
  size_t d;
  // Queries that come together.
  size_t n;
  // The share of neurons that fires, about.
  double fired;
  // For queries that stay the same while the weights move: how far a neuron moves between two of them, relative to the
  // standard deviation of the values of all neurons on a query of length 1. Less than 0 for queries that are new.
  double drift;
  // How often the weights are asked before they change; 0 for weights that change every time.
  size_t reuse;
  // How uneven the numbers of a row are: what subquad_peak says of the weights; 1 where that is not known.
  double peak;
} subquad_workload;

// Where sparse rows have their numbers: row i at the columns `indices[starts[i]]` to `indices[starts[i + 1] - 1]`, which
// ascend.
typedef struct {
  // Rows.
  size_t rows;
  // Columns.
  size_t cols;
  // rows + 1 numbers, the first of them 0.
  const size_t *starts;
  // `starts[rows]` numbers, each less than cols.
  const uint32_t *indices;
} subquad_support;

// Stacks of sparse rows: `depth` numbers for every place, row by row, and within a row first all of the first
// of the stack.
typedef struct {
  // The places.
  subquad_support support;
  // Numbers for each place.
  size_t depth;
  // depth times as many numbers as there are places.
  const float *values;
} subquad_sparse_f32;

// A dense matrix, row-major, or packed into panels of 64 columns, which is faster.
typedef struct {
  // Rows.
  size_t rows;
  // Columns.
  size_t cols;
  // Whether it is packed.
  bool packed;
  // rows x cols numbers, or subquad_panels_len of them.
  const float *numbers;
} subquad_panels_f32;

// The same places column by column, as subquad_transpose finds them: the numbers of column r are in the rows
// `rows[starts[r]]` to `rows[starts[r + 1] - 1]`, and `places` says which of that row's numbers each is.
typedef struct {
  // Columns.
  size_t cols;
  // cols + 1 numbers, the first of them 0.
  const size_t *starts;
  // `starts[cols]` numbers.
  const uint32_t *rows;
  // `starts[cols]` numbers.
  const uint32_t *places;
} subquad_columns;

// Stacks of sparse rows: `depth` numbers for every place, row by row, and within a row first all of the first
// of the stack.
typedef struct {
  // The places.
  subquad_support support;
  // Numbers for each place.
  size_t depth;
  // depth times as many numbers as there are places.
  const double *values;
} subquad_sparse_f64;

// A dense matrix, row-major, or packed into panels of 64 columns, which is faster.
typedef struct {
  // Rows.
  size_t rows;
  // Columns.
  size_t cols;
  // Whether it is packed.
  bool packed;
  // rows x cols numbers, or subquad_panels_len of them.
  const double *numbers;
} subquad_panels_f64;

// Which of n samples each neuron fires on, in ascending order, with its pre-activations there: neuron r has the
// entries `starts[r]` to `starts[r + 1] - 1`.
typedef struct {
  // Neurons.
  size_t neurons;
  // Samples that there are.
  size_t n;
  // neurons + 1 numbers, the first of them 0.
  const size_t *starts;
  // `starts[neurons]` numbers, each less than n.
  const uint32_t *samples;
  // `starts[neurons]` numbers.
  const float *values;
} subquad_fired_f32;

// Which of n samples each neuron fires on, in ascending order, with its pre-activations there: neuron r has the
// entries `starts[r]` to `starts[r + 1] - 1`.
typedef struct {
  // Neurons.
  size_t neurons;
  // Samples that there are.
  size_t n;
  // neurons + 1 numbers, the first of them 0.
  const size_t *starts;
  // `starts[neurons]` numbers, each less than n.
  const uint32_t *samples;
  // `starts[neurons]` numbers.
  const double *values;
} subquad_fired_f64;

// sum_f u_f v_f^T: rows of U (rank x outputs) and of V (rank x inputs), both of depth 1, with their columns.
typedef struct {
  // U
  subquad_sparse_f32 u;
  // The columns of U.
  subquad_columns u_columns;
  // V
  subquad_sparse_f32 v;
  // The columns of V.
  subquad_columns v_columns;
} subquad_low_rank_f32;

// sum_f u_f v_f^T: rows of U (rank x outputs) and of V (rank x inputs), both of depth 1, with their columns.
typedef struct {
  // U
  subquad_sparse_f64 u;
  // The columns of U.
  subquad_columns u_columns;
  // V
  subquad_sparse_f64 v;
  // The columns of V.
  subquad_columns v_columns;
} subquad_low_rank_f64;

// y <- A x, or z <- M^-1 r, for dim numbers: returns 0, or anything else to stop. It must not unwind.
typedef int (*subquad_product_f32)(void *context, const float *from, float *to, size_t dim);

// When conjugate gradients stop.
typedef struct {
  // Converged when the residual's norm is at most this times the right-hand side's.
  double relative;
  // Converged when the residual's norm is at most this.
  double absolute;
  // Products with the operator at most.
  size_t max_iterations;
} subquad_stopping;

// How conjugate gradients ended.
typedef struct {
  // 0 converged, 1 iteration limit, 2 indefinite operator, 3 indefinite preconditioner, 4 not finite, 5 stagnated,
  // 6 broken down, 7 stopped.
  int status;
  // Products with the operator that led to x.
  size_t iterations;
  // The norm of the residual of the x that is handed back.
  double residual_norm;
  // The norm of the right-hand side.
  double rhs_norm;
} subquad_report;

// y <- J x, or x <- J^T y, for a matrix J of rows x cols numbers: returns 0, or anything else to stop. It must
// not unwind.
typedef int (*subquad_tall_product_f32)(void *context, const float *from, float *to, size_t rows, size_t cols);

// When least squares stop.
typedef struct {
  // Converged when |b - J x| is at most this times |b|: for systems that have a solution.
  double relative;
  // Converged when the gradient's norm is at most this times the first one's: for those that have none.
  double gradient;
  // Pairs of products at most.
  size_t max_iterations;
} subquad_least_squares_stopping;

// How least squares ended.
typedef struct {
  // As in subquad_report.
  int status;
  // Pairs of products that led to x.
  size_t iterations;
  // |b - J x|
  double residual_norm;
  // |J^T (b - J x) - damping x|
  double gradient_norm;
} subquad_least_squares_report;

// y <- A x, or z <- M^-1 r, for dim numbers: returns 0, or anything else to stop. It must not unwind.
typedef int (*subquad_product_f64)(void *context, const double *from, double *to, size_t dim);

// y <- J x, or x <- J^T y, for a matrix J of rows x cols numbers: returns 0, or anything else to stop. It must
// not unwind.
typedef int (*subquad_tall_product_f64)(void *context, const double *from, double *to, size_t rows, size_t cols);

// Y <- X A, or Z <- R M^-1, for `rows` rows of dim numbers one behind the other: returns 0, or anything else to stop.
// There are fewer of them when right-hand sides are finished. It must not unwind.
typedef int (*subquad_rows_product_f32)(void *context, const float *from, float *to, size_t rows, size_t dim);

// Where conjugate gradients stand.
typedef struct {
  // Products that led here.
  size_t iterations;
  // The residual's norm of the right-hand side whose residual is the largest, measured in its own norm.
  double residual_norm;
  // The norm of that right-hand side.
  double rhs_norm;
  // Right-hand sides that are not finished.
  size_t unfinished;
} subquad_iteration;

// Called before every product and at the end; returns 0 to go on, or anything else to end with status 7. It must not unwind.
typedef int (*subquad_watcher)(void *context, const subquad_iteration *at);

// What else is wanted from conjugate gradients. All zero is nothing.
typedef struct {
  // Takes the residuals' norms after 0, 1, 2, .. products, as long as there is room: as many numbers each time as there are
  // right-hand sides; of one that is finished, its last.
  double *history;
  // Numbers behind `history`.
  size_t history_len;
  // Called with the context of the products.
  subquad_watcher callback;
  // Whether residuals are computed anew: 0 never, 1 at the end, 2 whenever one is said to have converged, which then holds.
  uint32_t check;
  // Products without a new smallest residual after which one has stagnated; 0 for never.
  size_t patience;
  // If not null, takes each residual's norm as it was computed anew; NaN where it was not.
  double *true_residual_norms;
} subquad_watch;

// Y <- X A, or Z <- R M^-1, for `rows` rows of dim numbers one behind the other: returns 0, or anything else to stop.
// There are fewer of them when right-hand sides are finished. It must not unwind.
typedef int (*subquad_rows_product_f64)(void *context, const double *from, double *to, size_t rows, size_t dim);

// y = c P H D x: how a transform differs from H itself. All zero is H.
typedef struct {
  // Order of the outputs: 0 natural, 1 dyadic, 2 sequency.
  uint32_t order;
  // Signs of the inputs: 0 none, 1 from `seed`, 2 from `bits`.
  uint32_t signs;
  // Seed of the signs.
  uint64_t seed;
  // Input i is negated where bit i % 64 of word i / 64 is 1.
  const uint64_t *bits;
  // Words behind `bits`.
  size_t words;
  // Factor: 0 none, 1 `factor`, 2 the inverse root of the length (floats only).
  uint32_t scaling;
  // The factor, converted to the type of the numbers.
  double factor;
} subquad_transform;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library, as its package has it.
const char *subquad_version(void);

// What a code means, in a few words; never null.
const char *subquad_message(int code);

// The name of a level: 0 "best", 1 "scalar", 2 "avx2", 3 "avx512", 4 "neon", 5 "simd128"; null for other numbers.
const char *subquad_level_name(uint8_t number);

// Whether the processor has a level.
bool subquad_level_is_available(uint8_t number);

// Builds a ball tree over W (m x d) with room for `most` neurons: those from m on are not there yet, and can be
// inserted. Lengths of bytes and scratch are those of `most` neurons, and so are the rows that verifying wants, of
// which those that are not there may be anything.
int subquad_build_with_room_f32(size_t m,
                                size_t d,
                                const float *w,
                                size_t most,
                                uint8_t *bytes,
                                size_t bytes_len,
                                float *scratch,
                                size_t scratch_len,
                                subquad_error *error);

// Neuron r, which is not in the ball tree, comes, as `row`, d numbers; the checksum is written anew if `seal`.
int subquad_insert_f32(uint8_t *bytes,
                       size_t bytes_len,
                       size_t r,
                       const float *row,
                       size_t d,
                       bool seal,
                       subquad_error *error);

// Neuron r leaves the ball tree; the checksum is written anew if `seal`.
int subquad_delete_f32(uint8_t *bytes, size_t bytes_len, size_t r, bool seal, subquad_error *error);

// Whether neuron r is in a ball tree; false for what is none.
bool subquad_contains_f32(const uint8_t *bytes, size_t bytes_len, size_t r);

// Neurons that are in a ball tree; 0 for what is none.
size_t subquad_present_f32(const uint8_t *bytes, size_t bytes_len);

// Changes since a ball tree was built: neurons that moved, came or went; 0 for what is none.
uint64_t subquad_moved_f32(const uint8_t *bytes, size_t bytes_len);

// Whether so much has moved in a ball tree that its balls are worth rearranging; false for what is none.
bool subquad_is_worn_f32(const uint8_t *bytes, size_t bytes_len);

// Scratch of rearranging a ball tree.
size_t subquad_rebalance_scratch_len_f32(size_t m, size_t d);

// Rearranges a ball tree for the neurons as they are now; the checksum is written anew if `seal`.
int subquad_rebalance_f32(uint8_t *bytes,
                          size_t bytes_len,
                          bool seal,
                          float *scratch,
                          size_t scratch_len,
                          subquad_error *error);

// Builds a ball tree over W (m x d) with room for `most` neurons: those from m on are not there yet, and can be
// inserted. Lengths of bytes and scratch are those of `most` neurons, and so are the rows that verifying wants, of
// which those that are not there may be anything.
int subquad_build_with_room_f64(size_t m,
                                size_t d,
                                const double *w,
                                size_t most,
                                uint8_t *bytes,
                                size_t bytes_len,
                                double *scratch,
                                size_t scratch_len,
                                subquad_error *error);

// Neuron r, which is not in the ball tree, comes, as `row`, d numbers; the checksum is written anew if `seal`.
int subquad_insert_f64(uint8_t *bytes,
                       size_t bytes_len,
                       size_t r,
                       const double *row,
                       size_t d,
                       bool seal,
                       subquad_error *error);

// Neuron r leaves the ball tree; the checksum is written anew if `seal`.
int subquad_delete_f64(uint8_t *bytes, size_t bytes_len, size_t r, bool seal, subquad_error *error);

// Whether neuron r is in a ball tree; false for what is none.
bool subquad_contains_f64(const uint8_t *bytes, size_t bytes_len, size_t r);

// Neurons that are in a ball tree; 0 for what is none.
size_t subquad_present_f64(const uint8_t *bytes, size_t bytes_len);

// Changes since a ball tree was built: neurons that moved, came or went; 0 for what is none.
uint64_t subquad_moved_f64(const uint8_t *bytes, size_t bytes_len);

// Whether so much has moved in a ball tree that its balls are worth rearranging; false for what is none.
bool subquad_is_worn_f64(const uint8_t *bytes, size_t bytes_len);

// Scratch of rearranging a ball tree.
size_t subquad_rebalance_scratch_len_f64(size_t m, size_t d);

// Rearranges a ball tree for the neurons as they are now; the checksum is written anew if `seal`.
int subquad_rebalance_f64(uint8_t *bytes,
                          size_t bytes_len,
                          bool seal,
                          double *scratch,
                          size_t scratch_len,
                          subquad_error *error);

// Scratch of the product of m x k and k x n numbers.
size_t subquad_gemm_scratch_len(size_t m, size_t n, size_t k);

// Scratch of a Cholesky factorisation.
size_t subquad_cholesky_scratch_len(size_t n);

// Scratch of solving with a Cholesky factor.
size_t subquad_cholesky_solve_scratch_len(size_t n);

// Scratch of a QR factorisation.
size_t subquad_qr_scratch_len(size_t rows, size_t cols);

// Scratch of the product of an n x k matrix with its transpose.
size_t subquad_syrk_scratch_len(size_t n, size_t k);

// Scratch of solving with a triangle of n rows.
size_t subquad_triangular_solve_scratch_len(size_t n);

// Scratch of a QR factorisation by Cholesky, in doubles.
size_t subquad_cholesky_qr_scratch_len(size_t rows, size_t cols);

// C <- alpha A B + beta C: A m x k, B k x n, C m x n.
int subquad_gemm_f32(uint8_t level_number,
                     size_t m,
                     size_t n,
                     size_t k,
                     float alpha,
                     const float *a,
                     const float *b,
                     float beta,
                     float *c,
                     float *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// A = L L^T: the lower triangle of A, n x n, becomes L; what stands above the diagonal is not read, and is
// meaningless afterwards. `definite`, if not null, says whether there is such a factor.
int subquad_cholesky_f32(uint8_t level_number,
                         size_t n,
                         float *a,
                         bool *definite,
                         float *scratch,
                         size_t scratch_len,
                         subquad_error *error);

// B <- (L L^T)^-1 B: L n x n, its lower triangle, B n x columns.
int subquad_cholesky_solve_f32(uint8_t level_number,
                               size_t n,
                               size_t columns,
                               const float *l,
                               float *b,
                               float *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// A = Q R for A of rows x cols numbers, handed over by its columns (cols x rows): entry (j, i) becomes
// `R[i][j]` for i <= j and i < rows; the rest is meaningless afterwards.
int subquad_qr_f32(uint8_t level_number,
                   size_t rows,
                   size_t cols,
                   float *columns,
                   float *scratch,
                   size_t scratch_len,
                   subquad_error *error);

// `to <- <x, y>`, n numbers each, with the same bits on every run of a level.
int subquad_dot_f32(uint8_t level_number, size_t n, const float *x, const float *y, float *to, subquad_error *error);

// y <- a x + y, n numbers each.
int subquad_axpy_f32(uint8_t level_number, size_t n, float a, const float *x, float *y, subquad_error *error);

// y <- x + b y, n numbers each.
int subquad_xpby_f32(uint8_t level_number, size_t n, const float *x, float b, float *y, subquad_error *error);

// x <- a x, n numbers.
int subquad_scale_f32(uint8_t level_number, size_t n, float a, float *x, subquad_error *error);

// The sum of the squares of n numbers.
int subquad_norm_squared_f32(uint8_t level_number, size_t n, const float *x, float *to, subquad_error *error);

// The largest absolute value of n numbers.
int subquad_max_abs_f32(size_t n, const float *x, float *to, subquad_error *error);

// C <- alpha A A^T + beta C, on and below the diagonal: A n x k, C n x n; what stands above is meaningless.
int subquad_syrk_f32(uint8_t level_number,
                     size_t n,
                     size_t k,
                     float alpha,
                     const float *a,
                     float beta,
                     float *c,
                     float *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// B <- T^-1 B: T n x n, of which the triangle on and below the diagonal (`triangle` 0) or on and above it (1) is
// read; B n x columns.
int subquad_triangular_solve_f32(uint8_t level_number,
                                 uint32_t triangle,
                                 size_t n,
                                 size_t columns,
                                 const float *t,
                                 float *b,
                                 float *scratch,
                                 size_t scratch_len,
                                 subquad_error *error);

// `A^T A + 1e-12 trace(A^T A) I = R^T R`, in doubles, for A of rows x cols numbers, handed over by its columns
// (cols x rows): R^T goes to the lower triangle of `out`, cols x cols. `definite`, if not null, says whether
// there is such a factor.
int subquad_cholesky_qr_f32(uint8_t level_number,
                            size_t rows,
                            size_t cols,
                            const float *columns,
                            float *out,
                            bool *definite,
                            double *scratch,
                            size_t scratch_len,
                            subquad_error *error);

// C <- alpha A B + beta C: A m x k, B k x n, C m x n.
int subquad_gemm_f64(uint8_t level_number,
                     size_t m,
                     size_t n,
                     size_t k,
                     double alpha,
                     const double *a,
                     const double *b,
                     double beta,
                     double *c,
                     double *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// A = L L^T: the lower triangle of A, n x n, becomes L; what stands above the diagonal is not read, and is
// meaningless afterwards. `definite`, if not null, says whether there is such a factor.
int subquad_cholesky_f64(uint8_t level_number,
                         size_t n,
                         double *a,
                         bool *definite,
                         double *scratch,
                         size_t scratch_len,
                         subquad_error *error);

// B <- (L L^T)^-1 B: L n x n, its lower triangle, B n x columns.
int subquad_cholesky_solve_f64(uint8_t level_number,
                               size_t n,
                               size_t columns,
                               const double *l,
                               double *b,
                               double *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// A = Q R for A of rows x cols numbers, handed over by its columns (cols x rows): entry (j, i) becomes
// `R[i][j]` for i <= j and i < rows; the rest is meaningless afterwards.
int subquad_qr_f64(uint8_t level_number,
                   size_t rows,
                   size_t cols,
                   double *columns,
                   double *scratch,
                   size_t scratch_len,
                   subquad_error *error);

// `to <- <x, y>`, n numbers each, with the same bits on every run of a level.
int subquad_dot_f64(uint8_t level_number, size_t n, const double *x, const double *y, double *to, subquad_error *error);

// y <- a x + y, n numbers each.
int subquad_axpy_f64(uint8_t level_number, size_t n, double a, const double *x, double *y, subquad_error *error);

// y <- x + b y, n numbers each.
int subquad_xpby_f64(uint8_t level_number, size_t n, const double *x, double b, double *y, subquad_error *error);

// x <- a x, n numbers.
int subquad_scale_f64(uint8_t level_number, size_t n, double a, double *x, subquad_error *error);

// The sum of the squares of n numbers.
int subquad_norm_squared_f64(uint8_t level_number, size_t n, const double *x, double *to, subquad_error *error);

// The largest absolute value of n numbers.
int subquad_max_abs_f64(size_t n, const double *x, double *to, subquad_error *error);

// C <- alpha A A^T + beta C, on and below the diagonal: A n x k, C n x n; what stands above is meaningless.
int subquad_syrk_f64(uint8_t level_number,
                     size_t n,
                     size_t k,
                     double alpha,
                     const double *a,
                     double beta,
                     double *c,
                     double *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// B <- T^-1 B: T n x n, of which the triangle on and below the diagonal (`triangle` 0) or on and above it (1) is
// read; B n x columns.
int subquad_triangular_solve_f64(uint8_t level_number,
                                 uint32_t triangle,
                                 size_t n,
                                 size_t columns,
                                 const double *t,
                                 double *b,
                                 double *scratch,
                                 size_t scratch_len,
                                 subquad_error *error);

// `A^T A + 1e-12 trace(A^T A) I = R^T R`, in doubles, for A of rows x cols numbers, handed over by its columns
// (cols x rows): R^T goes to the lower triangle of `out`, cols x cols. `definite`, if not null, says whether
// there is such a factor.
int subquad_cholesky_qr_f64(uint8_t level_number,
                            size_t rows,
                            size_t cols,
                            const double *columns,
                            double *out,
                            bool *definite,
                            double *scratch,
                            size_t scratch_len,
                            subquad_error *error);

// Bytes of the lists of n samples over m neurons of d numbers, with room for so many candidates each.
size_t subquad_candidates_len_f32(size_t m, size_t d, size_t n, size_t room);

// Scratch of all functions of the lists; those that take none need none.
size_t subquad_candidates_scratch_len_f32(size_t m, size_t d, size_t n);

// Builds the lists for the rows of X (n x d) and a threshold over W (m x d) into `bytes`, which begin at a
// multiple of 8: with a skin of rho, and room for so many candidates of a sample (one that has more is scanned).
int subquad_candidates_build_f32(uint8_t level_number,
                                 size_t m,
                                 size_t d,
                                 size_t n,
                                 const float *w,
                                 const float *x,
                                 float threshold,
                                 double rho,
                                 size_t room,
                                 uint8_t *bytes,
                                 size_t bytes_len,
                                 float *scratch,
                                 size_t scratch_len,
                                 subquad_error *error);

// Reports, for each of the n samples, the neurons that fire: as subquad_scan does. W, m x d, are the weights as
// they are now, after the lists were told of them; the threshold is at least that of the lists.
int subquad_candidates_query_f32(uint8_t level_number,
                                 const uint8_t *bytes,
                                 size_t bytes_len,
                                 bool check,
                                 size_t m,
                                 size_t d,
                                 const float *w,
                                 size_t n,
                                 float threshold,
                                 size_t room,
                                 uint32_t *counts,
                                 uint32_t *indices,
                                 float *values,
                                 subquad_error *error);

// As the query, for `count` of the samples: `first` and those after it.
int subquad_candidates_query_from_f32(uint8_t level_number,
                                      const uint8_t *bytes,
                                      size_t bytes_len,
                                      bool check,
                                      size_t m,
                                      size_t d,
                                      const float *w,
                                      size_t first,
                                      size_t count,
                                      float threshold,
                                      size_t room,
                                      uint32_t *counts,
                                      uint32_t *indices,
                                      float *values,
                                      subquad_error *error);

// Neuron r has moved to `row`, d numbers; the checksum is written anew if `seal`.
int subquad_candidates_update_f32(uint8_t *bytes,
                                  size_t bytes_len,
                                  size_t r,
                                  const float *row,
                                  size_t d,
                                  bool seal,
                                  subquad_error *error);

// The weights are W (m x d) now: measures how far each neuron has moved, and leaves the lists as they are.
int subquad_candidates_update_all_f32(uint8_t level_number,
                                      uint8_t *bytes,
                                      size_t bytes_len,
                                      size_t m,
                                      size_t d,
                                      const float *w,
                                      bool seal,
                                      subquad_error *error);

// The weights are W (m x d) now: measures how far each neuron has moved, and builds the lists anew where too many
// have moved too far, which `rebuilt`, if not null, says.
int subquad_candidates_advance_f32(uint8_t level_number,
                                   uint8_t *bytes,
                                   size_t bytes_len,
                                   size_t m,
                                   size_t d,
                                   const float *w,
                                   bool seal,
                                   bool *rebuilt,
                                   float *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// Builds the lists anew, for W (m x d) as it is now, with a skin of rho.
int subquad_candidates_rebuild_f32(uint8_t level_number,
                                   uint8_t *bytes,
                                   size_t bytes_len,
                                   size_t m,
                                   size_t d,
                                   const float *w,
                                   double rho,
                                   bool seal,
                                   float *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// Writes the checksum of the lists anew, after changes that did not.
int subquad_candidates_seal_f32(uint8_t *bytes, size_t bytes_len, subquad_error *error);

// Whether these are sound lists, which have been told of exactly these weights, W m x d.
int subquad_candidates_verify_f32(const uint8_t *bytes,
                                  size_t bytes_len,
                                  size_t m,
                                  size_t d,
                                  const float *w,
                                  subquad_error *error);

// How lists stand. `check`: read all bytes first and compare their checksum.
int subquad_candidates_state_f32(const uint8_t *bytes,
                                 size_t bytes_len,
                                 bool check,
                                 subquad_candidates *to,
                                 subquad_error *error);

// Bytes of the lists of n samples over m neurons of d numbers, with room for so many candidates each.
size_t subquad_candidates_len_f64(size_t m, size_t d, size_t n, size_t room);

// Scratch of all functions of the lists; those that take none need none.
size_t subquad_candidates_scratch_len_f64(size_t m, size_t d, size_t n);

// Builds the lists for the rows of X (n x d) and a threshold over W (m x d) into `bytes`, which begin at a
// multiple of 8: with a skin of rho, and room for so many candidates of a sample (one that has more is scanned).
int subquad_candidates_build_f64(uint8_t level_number,
                                 size_t m,
                                 size_t d,
                                 size_t n,
                                 const double *w,
                                 const double *x,
                                 double threshold,
                                 double rho,
                                 size_t room,
                                 uint8_t *bytes,
                                 size_t bytes_len,
                                 double *scratch,
                                 size_t scratch_len,
                                 subquad_error *error);

// Reports, for each of the n samples, the neurons that fire: as subquad_scan does. W, m x d, are the weights as
// they are now, after the lists were told of them; the threshold is at least that of the lists.
int subquad_candidates_query_f64(uint8_t level_number,
                                 const uint8_t *bytes,
                                 size_t bytes_len,
                                 bool check,
                                 size_t m,
                                 size_t d,
                                 const double *w,
                                 size_t n,
                                 double threshold,
                                 size_t room,
                                 uint32_t *counts,
                                 uint32_t *indices,
                                 double *values,
                                 subquad_error *error);

// As the query, for `count` of the samples: `first` and those after it.
int subquad_candidates_query_from_f64(uint8_t level_number,
                                      const uint8_t *bytes,
                                      size_t bytes_len,
                                      bool check,
                                      size_t m,
                                      size_t d,
                                      const double *w,
                                      size_t first,
                                      size_t count,
                                      double threshold,
                                      size_t room,
                                      uint32_t *counts,
                                      uint32_t *indices,
                                      double *values,
                                      subquad_error *error);

// Neuron r has moved to `row`, d numbers; the checksum is written anew if `seal`.
int subquad_candidates_update_f64(uint8_t *bytes,
                                  size_t bytes_len,
                                  size_t r,
                                  const double *row,
                                  size_t d,
                                  bool seal,
                                  subquad_error *error);

// The weights are W (m x d) now: measures how far each neuron has moved, and leaves the lists as they are.
int subquad_candidates_update_all_f64(uint8_t level_number,
                                      uint8_t *bytes,
                                      size_t bytes_len,
                                      size_t m,
                                      size_t d,
                                      const double *w,
                                      bool seal,
                                      subquad_error *error);

// The weights are W (m x d) now: measures how far each neuron has moved, and builds the lists anew where too many
// have moved too far, which `rebuilt`, if not null, says.
int subquad_candidates_advance_f64(uint8_t level_number,
                                   uint8_t *bytes,
                                   size_t bytes_len,
                                   size_t m,
                                   size_t d,
                                   const double *w,
                                   bool seal,
                                   bool *rebuilt,
                                   double *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// Builds the lists anew, for W (m x d) as it is now, with a skin of rho.
int subquad_candidates_rebuild_f64(uint8_t level_number,
                                   uint8_t *bytes,
                                   size_t bytes_len,
                                   size_t m,
                                   size_t d,
                                   const double *w,
                                   double rho,
                                   bool seal,
                                   double *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// Writes the checksum of the lists anew, after changes that did not.
int subquad_candidates_seal_f64(uint8_t *bytes, size_t bytes_len, subquad_error *error);

// Whether these are sound lists, which have been told of exactly these weights, W m x d.
int subquad_candidates_verify_f64(const uint8_t *bytes,
                                  size_t bytes_len,
                                  size_t m,
                                  size_t d,
                                  const double *w,
                                  subquad_error *error);

// How lists stand. `check`: read all bytes first and compare their checksum.
int subquad_candidates_state_f64(const uint8_t *bytes,
                                 size_t bytes_len,
                                 bool check,
                                 subquad_candidates *to,
                                 subquad_error *error);

// What was fastest for work like this: 0 the scan, 1 a packed index, 2 a screened one, 4 a ball tree, 5 candidate lists, 6 a rotated
// index. All answer alike.
int subquad_auto(const subquad_workload *work,
                 uint32_t *kind,
                 subquad_error *error);

// The largest number of a row of W (m x d), by that of as many Gaussian numbers with the same norm, on average: what is much more
// than 1 is better quantised rotated.
int subquad_peak_f32(size_t m,
                     size_t d,
                     const float *w,
                     double *to,
                     subquad_error *error);

// The largest number of a row of W (m x d), by that of as many Gaussian numbers with the same norm, on average: what is much more
// than 1 is better quantised rotated.
int subquad_peak_f64(size_t m,
                     size_t d,
                     const double *w,
                     double *to,
                     subquad_error *error);

// The share of neurons whose pre-activations, of variance 1, exceed a shift.
double subquad_fired_share(double shift);

// The shift that so large a share of the neurons exceeds: the inverse of subquad_fired_share.
int subquad_shift_for(double share, double *to, subquad_error *error);

// The shift of the papers, (0.4 ln m)^(1/2).
double subquad_paper_shift(size_t m);

// Scratch of a backward pass: `depth` outputs of the network, so many places in the longest row above and in the longest one below.
size_t subquad_backward_scratch_len(size_t depth,
                                    size_t above,
                                    size_t below);

// Scratch of a product with a layer's part of the Gram matrix: so many places in all, so many in the longest column.
size_t subquad_deep_gram_product_scratch_len(size_t places, size_t longest_column);

// Scratch of a forward pass through structured weights; 0 where there are none.
size_t subquad_structured_forward_scratch_len(size_t outputs, size_t inputs);

// Scratch of a backward pass through structured weights, as subquad_backward_scratch_len; 0 where there are none.
size_t subquad_structured_backward_scratch_len(size_t outputs, size_t inputs, size_t depth, size_t above, size_t below);

// Finds which neurons fire on each row of Z (n x m), those above the shift, and their outputs, normalised: less
// the shift (`form` 0, soft) or as they are (1, hard). `starts` gets n + 1 numbers, `norms` n; `indices` and
// `values` have room for `room` numbers each. `places` gets how many there are: where that is more than the
// room, only starts are of use, and the call is to be made again with more.
int subquad_activate_f32(uint8_t level_number,
                         uint32_t form,
                         float shift,
                         size_t n,
                         size_t m,
                         const float *z,
                         size_t *starts,
                         uint32_t *indices,
                         float *values,
                         size_t room,
                         float *norms,
                         size_t *places,
                         subquad_error *error);

// `e[i][c][j] = A[c][j]` on the neurons that fire, where the backward pass begins: A c x m; e has c numbers for
// each place, in the order of a stack.
int subquad_output_gradients_f32(size_t c,
                                 size_t m,
                                 const float *a,
                                 const subquad_support *fired,
                                 float *e,
                                 subquad_error *error);

// g = (e - h <h, e>) / |u|, in place: h and norms as they were found, e a stack of that depth over h's places.
int subquad_unnormalise_f32(uint8_t level_number,
                            const subquad_sparse_f32 *h,
                            const float *norms,
                            size_t depth,
                            float *e,
                            subquad_error *error);

// `e[i][c][j] = sum_r W[r][j] g[i][c][r]` for the inputs j in row i of `below`: B = W^T; e is a stack of g's depth
// over `below`.
int subquad_backward_f32(uint8_t level_number,
                         const subquad_sparse_f32 *g,
                         const subquad_panels_f32 *b,
                         const subquad_support *below,
                         float *e,
                         float *scratch,
                         size_t scratch_len,
                         subquad_error *error);

// Out <- Out + ((G G^T) o (P x 1)) U, what a trained layer adds to the product of the Gram matrix of the tangents
// with U: g with its columns, P = H H^T of the layer below, n x n, of which what stands on and below the diagonal
// is read; U and Out n x depth.
int subquad_deep_gram_product_f32(uint8_t level_number,
                                  const subquad_sparse_f32 *g,
                                  const subquad_columns *g_columns,
                                  const float *p,
                                  const float *u,
                                  float *out,
                                  float *scratch,
                                  size_t scratch_len,
                                  subquad_error *error);

// `s_i = sum_c U[i][c] g_(i, c)`, the left factors of J^T U: U n x depth, as many numbers in `out` as g has places.
int subquad_combine_f32(uint8_t level_number,
                        const subquad_sparse_f32 *g,
                        const float *u,
                        float *out,
                        subquad_error *error);

// Z <- H W^T for weights that are known by their seed and stored nowhere: h of depth 1 with its columns, Z n x
// outputs.
int subquad_structured_forward_f32(uint8_t level_number,
                                   size_t outputs,
                                   size_t inputs,
                                   uint64_t seed,
                                   const subquad_sparse_f32 *h,
                                   const subquad_columns *h_columns,
                                   float *z,
                                   float *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// `e[i][c][j] = sum_r W[r][j] g[i][c][r]` for the inputs j in row i of `below`, for such weights.
int subquad_structured_backward_f32(uint8_t level_number,
                                    size_t outputs,
                                    size_t inputs,
                                    uint64_t seed,
                                    const subquad_sparse_f32 *g,
                                    const subquad_support *below,
                                    float *e,
                                    float *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// Finds which neurons fire on each row of Z (n x m), those above the shift, and their outputs, normalised: less
// the shift (`form` 0, soft) or as they are (1, hard). `starts` gets n + 1 numbers, `norms` n; `indices` and
// `values` have room for `room` numbers each. `places` gets how many there are: where that is more than the
// room, only starts are of use, and the call is to be made again with more.
int subquad_activate_f64(uint8_t level_number,
                         uint32_t form,
                         double shift,
                         size_t n,
                         size_t m,
                         const double *z,
                         size_t *starts,
                         uint32_t *indices,
                         double *values,
                         size_t room,
                         double *norms,
                         size_t *places,
                         subquad_error *error);

// `e[i][c][j] = A[c][j]` on the neurons that fire, where the backward pass begins: A c x m; e has c numbers for
// each place, in the order of a stack.
int subquad_output_gradients_f64(size_t c,
                                 size_t m,
                                 const double *a,
                                 const subquad_support *fired,
                                 double *e,
                                 subquad_error *error);

// g = (e - h <h, e>) / |u|, in place: h and norms as they were found, e a stack of that depth over h's places.
int subquad_unnormalise_f64(uint8_t level_number,
                            const subquad_sparse_f64 *h,
                            const double *norms,
                            size_t depth,
                            double *e,
                            subquad_error *error);

// `e[i][c][j] = sum_r W[r][j] g[i][c][r]` for the inputs j in row i of `below`: B = W^T; e is a stack of g's depth
// over `below`.
int subquad_backward_f64(uint8_t level_number,
                         const subquad_sparse_f64 *g,
                         const subquad_panels_f64 *b,
                         const subquad_support *below,
                         double *e,
                         double *scratch,
                         size_t scratch_len,
                         subquad_error *error);

// Out <- Out + ((G G^T) o (P x 1)) U, what a trained layer adds to the product of the Gram matrix of the tangents
// with U: g with its columns, P = H H^T of the layer below, n x n, of which what stands on and below the diagonal
// is read; U and Out n x depth.
int subquad_deep_gram_product_f64(uint8_t level_number,
                                  const subquad_sparse_f64 *g,
                                  const subquad_columns *g_columns,
                                  const double *p,
                                  const double *u,
                                  double *out,
                                  double *scratch,
                                  size_t scratch_len,
                                  subquad_error *error);

// `s_i = sum_c U[i][c] g_(i, c)`, the left factors of J^T U: U n x depth, as many numbers in `out` as g has places.
int subquad_combine_f64(uint8_t level_number,
                        const subquad_sparse_f64 *g,
                        const double *u,
                        double *out,
                        subquad_error *error);

// Z <- H W^T for weights that are known by their seed and stored nowhere: h of depth 1 with its columns, Z n x
// outputs.
int subquad_structured_forward_f64(uint8_t level_number,
                                   size_t outputs,
                                   size_t inputs,
                                   uint64_t seed,
                                   const subquad_sparse_f64 *h,
                                   const subquad_columns *h_columns,
                                   double *z,
                                   double *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// `e[i][c][j] = sum_r W[r][j] g[i][c][r]` for the inputs j in row i of `below`, for such weights.
int subquad_structured_backward_f64(uint8_t level_number,
                                    size_t outputs,
                                    size_t inputs,
                                    uint64_t seed,
                                    const subquad_sparse_f64 *g,
                                    const subquad_support *below,
                                    double *e,
                                    double *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// Neurons whose outputs are summed up together: group g begins at neuron g times this.
size_t subquad_fired_group_len(size_t d, size_t m);

// Groups of neurons.
size_t subquad_fired_groups(size_t d, size_t m);

// Scratch of the outputs of a group of neurons.
size_t subquad_fired_outputs_scratch_len(size_t n, size_t d, size_t m, size_t c);

// Scratch of a descent, of the product with the Gram matrix, and of the derivative by the inputs.
size_t subquad_fired_scratch_len(size_t d, size_t c);

// What group g of the neurons contributes to m^(-1/2) max(Z - shift, 0) A^T: A c x m, the result n x c. The sum
// over the groups, in their order, has the bits of the forward pass on d inputs.
int subquad_fired_outputs_f32(uint8_t level_number,
                              const subquad_fired_f32 *lists,
                              size_t d,
                              size_t c,
                              const float *a,
                              size_t g,
                              float shift,
                              float *f,
                              float *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// W <- W - rate J^T U on neurons first .. first + rows, and of these on those that fire: X n x d, A c x m, U n x
// c, W rows x d. `moved` (rows) gets how far each went.
int subquad_fired_descend_f32(uint8_t level_number,
                              const subquad_fired_f32 *lists,
                              size_t d,
                              size_t c,
                              const float *x,
                              const float *a,
                              const float *u,
                              float rate,
                              size_t first,
                              size_t rows,
                              float *w,
                              float *moved,
                              float *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Out <- Out + J J^T U, of neurons first .. first + count alone: X n x d, A c x m, U and Out n x c.
int subquad_fired_gram_product_f32(uint8_t level_number,
                                   const subquad_fired_f32 *lists,
                                   size_t d,
                                   size_t c,
                                   const float *x,
                                   const float *a,
                                   const float *u,
                                   size_t first,
                                   size_t count,
                                   float *out,
                                   float *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// <x_i, w> for the samples of a list, with the bits of the forward pass: X n x d, w d numbers, one value for each
// of the `count` samples.
int subquad_fired_values_f32(uint8_t level_number,
                             size_t n,
                             size_t d,
                             const float *x,
                             const float *w,
                             const uint32_t *samples,
                             size_t count,
                             float *values,
                             subquad_error *error);

// `H_i += m^(-1/2) sum_r (u_i a_r) w_r` over the neurons that fire on sample i, the derivative by the inputs: W m x
// d, A c x m, U n x c, H n x d.
int subquad_fired_input_gradient_f32(uint8_t level_number,
                                     const subquad_fired_f32 *lists,
                                     size_t d,
                                     size_t c,
                                     const float *w,
                                     const float *a,
                                     const float *u,
                                     float *h,
                                     float *scratch,
                                     size_t scratch_len,
                                     subquad_error *error);

// What group g of the neurons contributes to m^(-1/2) max(Z - shift, 0) A^T: A c x m, the result n x c. The sum
// over the groups, in their order, has the bits of the forward pass on d inputs.
int subquad_fired_outputs_f64(uint8_t level_number,
                              const subquad_fired_f64 *lists,
                              size_t d,
                              size_t c,
                              const double *a,
                              size_t g,
                              double shift,
                              double *f,
                              double *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// W <- W - rate J^T U on neurons first .. first + rows, and of these on those that fire: X n x d, A c x m, U n x
// c, W rows x d. `moved` (rows) gets how far each went.
int subquad_fired_descend_f64(uint8_t level_number,
                              const subquad_fired_f64 *lists,
                              size_t d,
                              size_t c,
                              const double *x,
                              const double *a,
                              const double *u,
                              double rate,
                              size_t first,
                              size_t rows,
                              double *w,
                              double *moved,
                              double *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Out <- Out + J J^T U, of neurons first .. first + count alone: X n x d, A c x m, U and Out n x c.
int subquad_fired_gram_product_f64(uint8_t level_number,
                                   const subquad_fired_f64 *lists,
                                   size_t d,
                                   size_t c,
                                   const double *x,
                                   const double *a,
                                   const double *u,
                                   size_t first,
                                   size_t count,
                                   double *out,
                                   double *scratch,
                                   size_t scratch_len,
                                   subquad_error *error);

// <x_i, w> for the samples of a list, with the bits of the forward pass: X n x d, w d numbers, one value for each
// of the `count` samples.
int subquad_fired_values_f64(uint8_t level_number,
                             size_t n,
                             size_t d,
                             const double *x,
                             const double *w,
                             const uint32_t *samples,
                             size_t count,
                             double *values,
                             subquad_error *error);

// `H_i += m^(-1/2) sum_r (u_i a_r) w_r` over the neurons that fire on sample i, the derivative by the inputs: W m x
// d, A c x m, U n x c, H n x d.
int subquad_fired_input_gradient_f64(uint8_t level_number,
                                     const subquad_fired_f64 *lists,
                                     size_t d,
                                     size_t c,
                                     const double *w,
                                     const double *a,
                                     const double *u,
                                     double *h,
                                     double *scratch,
                                     size_t scratch_len,
                                     subquad_error *error);

// Scratch of a scan of m neurons of d numbers.
size_t subquad_scan_scratch_len(size_t d, size_t m);

// Reports, for each row x of X (n x d), every row w of W (m x d) with <w, x> > threshold: `counts` (n) are the
// true counts, row i of `indices` (n x room) has the first `room` of them, ascending, and `values`, if not
// null, their values. With a room of 0 it only counts, and `indices` may be null; so do all queries.
int subquad_scan_f32(uint8_t level_number,
                     size_t m,
                     size_t d,
                     size_t n,
                     const float *w,
                     const float *x,
                     float threshold,
                     size_t room,
                     uint32_t *counts,
                     uint32_t *indices,
                     float *values,
                     float *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// Bytes of an index over m neurons of d numbers; the largest number where there is no such kind. Kinds: 1
// packed, 2 screened, 4 ball tree, 6 rotated.
size_t subquad_index_len_f32(uint32_t kind_number, size_t m, size_t d);

// Scratch of a query.
size_t subquad_query_scratch_len_f32(uint32_t kind_number, size_t m, size_t d);

// Scratch of building: 0 but for the ball tree.
size_t subquad_build_scratch_len_f32(uint32_t kind_number, size_t m, size_t d);

// Builds an index over W (m x d) into `bytes`, which begin at a multiple of 8. They may be stored, and used
// again anywhere. A rotated one is of seed 0.
int subquad_build_f32(uint32_t kind_number,
                      size_t m,
                      size_t d,
                      const float *w,
                      uint8_t *bytes,
                      size_t bytes_len,
                      float *scratch,
                      size_t scratch_len,
                      subquad_error *error);

// Builds a rotated index, of kind 6, with a seed of its own: as the function that builds any kind, and with the
// same bytes at every level. It needs no scratch.
int subquad_build_rotated_f32(uint8_t level_number,
                              size_t m,
                              size_t d,
                              const float *w,
                              uint64_t seed,
                              uint8_t *bytes,
                              size_t bytes_len,
                              subquad_error *error);

// Answers n queries of d numbers from an index, as the scan does. `check`: read all bytes first and compare
// their checksum; without it damaged bytes may give wrong answers, and do no other harm.
int subquad_query_f32(uint8_t level_number,
                      uint32_t kind_number,
                      const uint8_t *bytes,
                      size_t bytes_len,
                      bool check,
                      size_t n,
                      size_t d,
                      const float *x,
                      float threshold,
                      size_t room,
                      uint32_t *counts,
                      uint32_t *indices,
                      float *values,
                      float *scratch,
                      size_t scratch_len,
                      subquad_error *error);

// Answers as the query does, from an index of bytes (kinds 2 and 6), and says how many pairs of a neuron and a
// query the bytes left open, of which the weights themselves had to be read.
int subquad_query_counting_f32(uint8_t level_number,
                               uint32_t kind_number,
                               const uint8_t *bytes,
                               size_t bytes_len,
                               bool check,
                               size_t n,
                               size_t d,
                               const float *x,
                               float threshold,
                               size_t room,
                               uint32_t *counts,
                               uint32_t *indices,
                               float *values,
                               uint64_t *open,
                               float *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// Neuron r has moved to `row`, d numbers; the index's checksum is written anew if `seal`, which reads all bytes.
int subquad_update_f32(uint32_t kind_number,
                       uint8_t *bytes,
                       size_t bytes_len,
                       size_t r,
                       const float *row,
                       size_t d,
                       bool seal,
                       subquad_error *error);

// Writes the checksum of an index anew, after changes that did not.
int subquad_seal_f32(uint32_t kind_number, uint8_t *bytes, size_t bytes_len, subquad_error *error);

// Whether this is a sound index over exactly these weights, W m x d.
int subquad_verify_f32(uint32_t kind_number,
                       const uint8_t *bytes,
                       size_t bytes_len,
                       size_t m,
                       size_t d,
                       const float *w,
                       subquad_error *error);

// Of an index that was stored: m neurons of d numbers. `check`: read all bytes and compare their checksum.
int subquad_index_shape_f32(uint32_t kind_number,
                            const uint8_t *bytes,
                            size_t bytes_len,
                            bool check,
                            size_t *m,
                            size_t *d,
                            subquad_error *error);

// The seed of a rotated index.
int subquad_rotated_seed_f32(const uint8_t *bytes, size_t bytes_len, uint64_t *seed, subquad_error *error);

// Reports, for each row x of X (n x d), every row w of W (m x d) with <w, x> > threshold: `counts` (n) are the
// true counts, row i of `indices` (n x room) has the first `room` of them, ascending, and `values`, if not
// null, their values. With a room of 0 it only counts, and `indices` may be null; so do all queries.
int subquad_scan_f64(uint8_t level_number,
                     size_t m,
                     size_t d,
                     size_t n,
                     const double *w,
                     const double *x,
                     double threshold,
                     size_t room,
                     uint32_t *counts,
                     uint32_t *indices,
                     double *values,
                     double *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// Bytes of an index over m neurons of d numbers; the largest number where there is no such kind. Kinds: 1
// packed, 2 screened, 4 ball tree, 6 rotated.
size_t subquad_index_len_f64(uint32_t kind_number, size_t m, size_t d);

// Scratch of a query.
size_t subquad_query_scratch_len_f64(uint32_t kind_number, size_t m, size_t d);

// Scratch of building: 0 but for the ball tree.
size_t subquad_build_scratch_len_f64(uint32_t kind_number, size_t m, size_t d);

// Builds an index over W (m x d) into `bytes`, which begin at a multiple of 8. They may be stored, and used
// again anywhere. A rotated one is of seed 0.
int subquad_build_f64(uint32_t kind_number,
                      size_t m,
                      size_t d,
                      const double *w,
                      uint8_t *bytes,
                      size_t bytes_len,
                      double *scratch,
                      size_t scratch_len,
                      subquad_error *error);

// Builds a rotated index, of kind 6, with a seed of its own: as the function that builds any kind, and with the
// same bytes at every level. It needs no scratch.
int subquad_build_rotated_f64(uint8_t level_number,
                              size_t m,
                              size_t d,
                              const double *w,
                              uint64_t seed,
                              uint8_t *bytes,
                              size_t bytes_len,
                              subquad_error *error);

// Answers n queries of d numbers from an index, as the scan does. `check`: read all bytes first and compare
// their checksum; without it damaged bytes may give wrong answers, and do no other harm.
int subquad_query_f64(uint8_t level_number,
                      uint32_t kind_number,
                      const uint8_t *bytes,
                      size_t bytes_len,
                      bool check,
                      size_t n,
                      size_t d,
                      const double *x,
                      double threshold,
                      size_t room,
                      uint32_t *counts,
                      uint32_t *indices,
                      double *values,
                      double *scratch,
                      size_t scratch_len,
                      subquad_error *error);

// Answers as the query does, from an index of bytes (kinds 2 and 6), and says how many pairs of a neuron and a
// query the bytes left open, of which the weights themselves had to be read.
int subquad_query_counting_f64(uint8_t level_number,
                               uint32_t kind_number,
                               const uint8_t *bytes,
                               size_t bytes_len,
                               bool check,
                               size_t n,
                               size_t d,
                               const double *x,
                               double threshold,
                               size_t room,
                               uint32_t *counts,
                               uint32_t *indices,
                               double *values,
                               uint64_t *open,
                               double *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// Neuron r has moved to `row`, d numbers; the index's checksum is written anew if `seal`, which reads all bytes.
int subquad_update_f64(uint32_t kind_number,
                       uint8_t *bytes,
                       size_t bytes_len,
                       size_t r,
                       const double *row,
                       size_t d,
                       bool seal,
                       subquad_error *error);

// Writes the checksum of an index anew, after changes that did not.
int subquad_seal_f64(uint32_t kind_number, uint8_t *bytes, size_t bytes_len, subquad_error *error);

// Whether this is a sound index over exactly these weights, W m x d.
int subquad_verify_f64(uint32_t kind_number,
                       const uint8_t *bytes,
                       size_t bytes_len,
                       size_t m,
                       size_t d,
                       const double *w,
                       subquad_error *error);

// Of an index that was stored: m neurons of d numbers. `check`: read all bytes and compare their checksum.
int subquad_index_shape_f64(uint32_t kind_number,
                            const uint8_t *bytes,
                            size_t bytes_len,
                            bool check,
                            size_t *m,
                            size_t *d,
                            subquad_error *error);

// The seed of a rotated index.
int subquad_rotated_seed_f64(const uint8_t *bytes, size_t bytes_len, uint64_t *seed, subquad_error *error);

// What is cheapest to do with an update of so many samples, for so many passes to come: 0 to leave it apart, 1 to fold it in where it
// is not zero, 2 to fold it in as a dense product. `fired` is the share of the layer's `width` neurons that fires.
uint32_t subquad_low_rank_cheapest(size_t samples,
                                   size_t outputs,
                                   size_t width,
                                   double fired,
                                   size_t passes);

// Scratch of a query of n rows; 0 for an update that is none.
size_t subquad_low_rank_query_scratch_len_f32(const subquad_low_rank_f32 *update, size_t n);

// Z <- Z + alpha X V U^T, what the update adds to X W^T: X n x inputs of depth 1 with its columns, Z n x outputs.
int subquad_low_rank_query_f32(uint8_t level_number,
                               const subquad_low_rank_f32 *update,
                               float alpha,
                               const subquad_sparse_f32 *x,
                               const subquad_columns *x_columns,
                               float *z,
                               float *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// Scratch of a transposed query with `depth` outputs of the network; 0 for an update that is none.
size_t subquad_low_rank_transposed_scratch_len_f32(const subquad_low_rank_f32 *update, size_t depth);

// `e[i][c][j] += sum_f v_f[j] <u_f, g_(i, c)>` for the inputs j in row i of `below`, what the update adds to W^T g:
// g of any depth, e in the order of a stack of that depth over `below`.
int subquad_low_rank_transposed_f32(uint8_t level_number,
                                    const subquad_low_rank_f32 *update,
                                    const subquad_sparse_f32 *g,
                                    const subquad_support *below,
                                    float *e,
                                    float *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// Adds the update, entry by entry, to W^T (inputs x outputs), packed into panels.
int subquad_low_rank_fold_sparse_f32(const subquad_low_rank_f32 *update,
                                     size_t inputs,
                                     size_t outputs,
                                     float *w,
                                     subquad_error *error);

// Scratch of adding the update densely; 0 for one that is none.
size_t subquad_low_rank_fold_dense_scratch_len_f32(const subquad_low_rank_f32 *update);

// Adds the update, by matrix products, to W^T (inputs x outputs), packed into panels.
int subquad_low_rank_fold_dense_f32(uint8_t level_number,
                                    const subquad_low_rank_f32 *update,
                                    size_t inputs,
                                    size_t outputs,
                                    float *w,
                                    float *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// Scratch of a query of n rows; 0 for an update that is none.
size_t subquad_low_rank_query_scratch_len_f64(const subquad_low_rank_f64 *update, size_t n);

// Z <- Z + alpha X V U^T, what the update adds to X W^T: X n x inputs of depth 1 with its columns, Z n x outputs.
int subquad_low_rank_query_f64(uint8_t level_number,
                               const subquad_low_rank_f64 *update,
                               double alpha,
                               const subquad_sparse_f64 *x,
                               const subquad_columns *x_columns,
                               double *z,
                               double *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// Scratch of a transposed query with `depth` outputs of the network; 0 for an update that is none.
size_t subquad_low_rank_transposed_scratch_len_f64(const subquad_low_rank_f64 *update, size_t depth);

// `e[i][c][j] += sum_f v_f[j] <u_f, g_(i, c)>` for the inputs j in row i of `below`, what the update adds to W^T g:
// g of any depth, e in the order of a stack of that depth over `below`.
int subquad_low_rank_transposed_f64(uint8_t level_number,
                                    const subquad_low_rank_f64 *update,
                                    const subquad_sparse_f64 *g,
                                    const subquad_support *below,
                                    double *e,
                                    double *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// Adds the update, entry by entry, to W^T (inputs x outputs), packed into panels.
int subquad_low_rank_fold_sparse_f64(const subquad_low_rank_f64 *update,
                                     size_t inputs,
                                     size_t outputs,
                                     double *w,
                                     subquad_error *error);

// Scratch of adding the update densely; 0 for one that is none.
size_t subquad_low_rank_fold_dense_scratch_len_f64(const subquad_low_rank_f64 *update);

// Adds the update, by matrix products, to W^T (inputs x outputs), packed into panels.
int subquad_low_rank_fold_dense_f64(uint8_t level_number,
                                    const subquad_low_rank_f64 *update,
                                    size_t inputs,
                                    size_t outputs,
                                    double *w,
                                    double *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// Bytes of the trees of m neurons of d numbers over n samples.
size_t subquad_max_tree_len_f32(size_t m, size_t d, size_t n);

// Scratch of all functions of the trees.
size_t subquad_max_tree_scratch_len_f32(size_t m, size_t d);

// Builds the trees over W (m x d) for the rows of X (n x d) into `bytes`, which begin at a multiple of 8.
int subquad_max_tree_build_f32(uint8_t level_number,
                               size_t m,
                               size_t d,
                               size_t n,
                               const float *w,
                               const float *x,
                               uint8_t *bytes,
                               size_t bytes_len,
                               float *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// Reports, for each of the n samples, the neurons whose value exceeds the threshold: as subquad_scan does.
int subquad_max_tree_query_f32(uint8_t level_number,
                               const uint8_t *bytes,
                               size_t bytes_len,
                               bool check,
                               size_t n,
                               float threshold,
                               size_t room,
                               uint32_t *counts,
                               uint32_t *indices,
                               float *values,
                               float *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// As the query, for `count` of the samples: `first` and those after it.
int subquad_max_tree_query_from_f32(uint8_t level_number,
                                    const uint8_t *bytes,
                                    size_t bytes_len,
                                    bool check,
                                    size_t first,
                                    size_t count,
                                    float threshold,
                                    size_t room,
                                    uint32_t *counts,
                                    uint32_t *indices,
                                    float *values,
                                    float *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// The `count` neurons of a list have moved: `rows`, count x d, are theirs as they are now. The checksum is written
// anew if `seal`.
int subquad_max_tree_update_f32(uint8_t level_number,
                                uint8_t *bytes,
                                size_t bytes_len,
                                const uint32_t *neurons,
                                size_t count,
                                size_t d,
                                const float *rows,
                                bool seal,
                                float *scratch,
                                size_t scratch_len,
                                subquad_error *error);

// Sample i is `point` from now on, d numbers; W is m x d, as it is now.
int subquad_max_tree_replace_f32(uint8_t level_number,
                                 uint8_t *bytes,
                                 size_t bytes_len,
                                 size_t i,
                                 const float *point,
                                 size_t m,
                                 size_t d,
                                 const float *w,
                                 bool seal,
                                 float *scratch,
                                 size_t scratch_len,
                                 subquad_error *error);

// Writes the checksum of the trees anew, after changes that did not.
int subquad_max_tree_seal_f32(uint8_t *bytes, size_t bytes_len, subquad_error *error);

// Whether these are sound trees over exactly these weights, W m x d.
int subquad_max_tree_verify_f32(uint8_t level_number,
                                const uint8_t *bytes,
                                size_t bytes_len,
                                size_t m,
                                size_t d,
                                const float *w,
                                float *scratch,
                                size_t scratch_len,
                                subquad_error *error);

// Of trees that were stored: m neurons of d numbers, n samples. `check`: read all bytes and compare their checksum.
int subquad_max_tree_shape_f32(const uint8_t *bytes,
                               size_t bytes_len,
                               bool check,
                               size_t *m,
                               size_t *d,
                               size_t *n,
                               subquad_error *error);

// Bytes of the trees of m neurons of d numbers over n samples.
size_t subquad_max_tree_len_f64(size_t m, size_t d, size_t n);

// Scratch of all functions of the trees.
size_t subquad_max_tree_scratch_len_f64(size_t m, size_t d);

// Builds the trees over W (m x d) for the rows of X (n x d) into `bytes`, which begin at a multiple of 8.
int subquad_max_tree_build_f64(uint8_t level_number,
                               size_t m,
                               size_t d,
                               size_t n,
                               const double *w,
                               const double *x,
                               uint8_t *bytes,
                               size_t bytes_len,
                               double *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// Reports, for each of the n samples, the neurons whose value exceeds the threshold: as subquad_scan does.
int subquad_max_tree_query_f64(uint8_t level_number,
                               const uint8_t *bytes,
                               size_t bytes_len,
                               bool check,
                               size_t n,
                               double threshold,
                               size_t room,
                               uint32_t *counts,
                               uint32_t *indices,
                               double *values,
                               double *scratch,
                               size_t scratch_len,
                               subquad_error *error);

// As the query, for `count` of the samples: `first` and those after it.
int subquad_max_tree_query_from_f64(uint8_t level_number,
                                    const uint8_t *bytes,
                                    size_t bytes_len,
                                    bool check,
                                    size_t first,
                                    size_t count,
                                    double threshold,
                                    size_t room,
                                    uint32_t *counts,
                                    uint32_t *indices,
                                    double *values,
                                    double *scratch,
                                    size_t scratch_len,
                                    subquad_error *error);

// The `count` neurons of a list have moved: `rows`, count x d, are theirs as they are now. The checksum is written
// anew if `seal`.
int subquad_max_tree_update_f64(uint8_t level_number,
                                uint8_t *bytes,
                                size_t bytes_len,
                                const uint32_t *neurons,
                                size_t count,
                                size_t d,
                                const double *rows,
                                bool seal,
                                double *scratch,
                                size_t scratch_len,
                                subquad_error *error);

// Sample i is `point` from now on, d numbers; W is m x d, as it is now.
int subquad_max_tree_replace_f64(uint8_t level_number,
                                 uint8_t *bytes,
                                 size_t bytes_len,
                                 size_t i,
                                 const double *point,
                                 size_t m,
                                 size_t d,
                                 const double *w,
                                 bool seal,
                                 double *scratch,
                                 size_t scratch_len,
                                 subquad_error *error);

// Writes the checksum of the trees anew, after changes that did not.
int subquad_max_tree_seal_f64(uint8_t *bytes, size_t bytes_len, subquad_error *error);

// Whether these are sound trees over exactly these weights, W m x d.
int subquad_max_tree_verify_f64(uint8_t level_number,
                                const uint8_t *bytes,
                                size_t bytes_len,
                                size_t m,
                                size_t d,
                                const double *w,
                                double *scratch,
                                size_t scratch_len,
                                subquad_error *error);

// Of trees that were stored: m neurons of d numbers, n samples. `check`: read all bytes and compare their checksum.
int subquad_max_tree_shape_f64(const uint8_t *bytes,
                               size_t bytes_len,
                               bool check,
                               size_t *m,
                               size_t *d,
                               size_t *n,
                               subquad_error *error);

// Reads a model from a file, which `subquad train` wrote. `path` is UTF-8, ended by a zero; the model that is put behind `to` is to be freed.
int subquad_model_load(const char *path,
                       subquad_model **to,
                       subquad_error *error);

// Reads a model from the bytes of a file. Of a deep one whose first weights came from another file, that file is read.
int subquad_model_from_bytes(const uint8_t *bytes, size_t len, subquad_model **to, subquad_error *error);

// Frees a model; null is no model.
void subquad_model_free(subquad_model *model);

// Features of a row; 0 for null.
size_t subquad_model_features(const subquad_model *model);

// Numbers that a prediction has: 1 for classes, as many as there are targets for regression; 0 for null.
size_t subquad_model_answers(const subquad_model *model);

// Whether its network is deep; false for null.
bool subquad_model_is_deep(const subquad_model *model);

// Whether its answers are numbers of classes.
bool subquad_model_is_classes(const subquad_model *model);

// The label of a class as UTF-8, into `room` bytes, ended by a zero. `needed`, if not null, is how many it takes.
int subquad_model_label(const subquad_model *model,
                        size_t class_,
                        char *to,
                        size_t room,
                        size_t *needed,
                        subquad_error *error);

// Predicts for n rows of as many features as the model has: `to` gets n x answers numbers, classes by their index.
int subquad_model_predict(uint8_t level_number,
                          const subquad_model *model,
                          size_t n,
                          size_t features,
                          const float *x,
                          double *to,
                          size_t to_len,
                          subquad_error *error);

// The 64-bit words of a firing pattern: neuron r of sample i is bit r % 64 of word r / 64 of row i, whose length is
// this for one sample.
size_t subquad_pattern_len(size_t samples, size_t neurons);

// Scratch of a forward pass: d inputs, m neurons, c outputs.
size_t subquad_forward_scratch_len(size_t d, size_t m, size_t c);

// Scratch of a Jacobian-vector product.
size_t subquad_jvp_scratch_len(size_t d, size_t m, size_t c);

// Scratch of a vector-Jacobian product.
size_t subquad_vjp_scratch_len(size_t d, size_t m, size_t c);

// Scratch of a product with the Gram matrix of the tangents.
size_t subquad_gram_product_scratch_len(size_t d, size_t m, size_t c);

// Scratch of a Gram matrix of n samples of d inputs.
size_t subquad_gram_scratch_len(size_t n, size_t d);

// How many pairs of a sample and a neuron fire.
int subquad_pattern_count(uint8_t level_number,
                          size_t n,
                          size_t m,
                          const uint64_t *words,
                          uint64_t *to,
                          subquad_error *error);

// How many pairs of a sample and a neuron fire in one of two patterns and not in the other.
int subquad_pattern_flips(uint8_t level_number,
                          size_t n,
                          size_t m,
                          const uint64_t *words,
                          const uint64_t *others,
                          uint64_t *to,
                          subquad_error *error);

// How many neurons fire on both of two samples, i and j.
int subquad_pattern_overlap(uint8_t level_number,
                            size_t n,
                            size_t m,
                            const uint64_t *words,
                            size_t i,
                            size_t j,
                            uint64_t *to,
                            subquad_error *error);

// F = m^(-1/2) max(X W^T - shift, 0) A^T: X n x d, W m x d, A c x m, F n x c. `words`, if not null, gets the
// firing pattern.
int subquad_forward_f32(uint8_t level_number,
                        size_t n,
                        size_t d,
                        size_t m,
                        size_t c,
                        const float *x,
                        const float *w,
                        const float *a,
                        float shift,
                        uint64_t *words,
                        float *f,
                        float *scratch,
                        size_t scratch_len,
                        subquad_error *error);

// J V = m^(-1/2) (D o (X V^T)) A^T: X n x d, A c x m, D the pattern, V m x d, the result n x c.
int subquad_jvp_f32(uint8_t level_number,
                    size_t n,
                    size_t d,
                    size_t m,
                    size_t c,
                    const float *x,
                    const float *a,
                    const uint64_t *words,
                    const float *v,
                    float *out,
                    float *scratch,
                    size_t scratch_len,
                    subquad_error *error);

// J^T U = m^(-1/2) (D o (U A))^T X: X n x d, A c x m, D the pattern, U n x c, the result m x d.
int subquad_vjp_f32(uint8_t level_number,
                    size_t n,
                    size_t d,
                    size_t m,
                    size_t c,
                    const float *x,
                    const float *a,
                    const uint64_t *words,
                    const float *u,
                    float *out,
                    float *scratch,
                    size_t scratch_len,
                    subquad_error *error);

// K U = J (J^T U), the product with the Gram matrix of the tangents of all outputs: the result n x c.
int subquad_gram_product_f32(uint8_t level_number,
                             size_t n,
                             size_t d,
                             size_t m,
                             size_t c,
                             const float *x,
                             const float *a,
                             const uint64_t *words,
                             const float *u,
                             float *out,
                             float *scratch,
                             size_t scratch_len,
                             subquad_error *error);

// `K[i][j] = <x_i, x_j> |S_i and S_j| / m` for j <= i: X n x d, the pattern n x m, the result n x n; what stands
// above the diagonal is meaningless.
int subquad_gram_f32(uint8_t level_number,
                     size_t n,
                     size_t d,
                     size_t m,
                     const float *x,
                     const uint64_t *words,
                     float *out,
                     float *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// The limit of the Gram matrix for infinitely many Gaussian neurons; what stands above the diagonal is
// meaningless.
int subquad_analytic_gram_f32(uint8_t level_number,
                              size_t n,
                              size_t d,
                              const float *x,
                              float shift,
                              float *out,
                              float *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Neurons first .. first + rows of J^T U: the result rows x d, everything else as in the whole product.
int subquad_vjp_rows_f32(uint8_t level_number,
                         size_t n,
                         size_t d,
                         size_t m,
                         size_t c,
                         const float *x,
                         const float *a,
                         const uint64_t *words,
                         const float *u,
                         size_t first,
                         size_t rows,
                         float *out,
                         float *scratch,
                         size_t scratch_len,
                         subquad_error *error);

// On how many neurons both of two samples fire, for each pair: the pattern n x m, the result n x n; what stands
// above the diagonal is meaningless.
int subquad_overlaps_f32(uint8_t level_number,
                         size_t n,
                         size_t m,
                         const uint64_t *words,
                         float *out,
                         subquad_error *error);

// F = m^(-1/2) max(X W^T - shift, 0) A^T: X n x d, W m x d, A c x m, F n x c. `words`, if not null, gets the
// firing pattern.
int subquad_forward_f64(uint8_t level_number,
                        size_t n,
                        size_t d,
                        size_t m,
                        size_t c,
                        const double *x,
                        const double *w,
                        const double *a,
                        double shift,
                        uint64_t *words,
                        double *f,
                        double *scratch,
                        size_t scratch_len,
                        subquad_error *error);

// J V = m^(-1/2) (D o (X V^T)) A^T: X n x d, A c x m, D the pattern, V m x d, the result n x c.
int subquad_jvp_f64(uint8_t level_number,
                    size_t n,
                    size_t d,
                    size_t m,
                    size_t c,
                    const double *x,
                    const double *a,
                    const uint64_t *words,
                    const double *v,
                    double *out,
                    double *scratch,
                    size_t scratch_len,
                    subquad_error *error);

// J^T U = m^(-1/2) (D o (U A))^T X: X n x d, A c x m, D the pattern, U n x c, the result m x d.
int subquad_vjp_f64(uint8_t level_number,
                    size_t n,
                    size_t d,
                    size_t m,
                    size_t c,
                    const double *x,
                    const double *a,
                    const uint64_t *words,
                    const double *u,
                    double *out,
                    double *scratch,
                    size_t scratch_len,
                    subquad_error *error);

// K U = J (J^T U), the product with the Gram matrix of the tangents of all outputs: the result n x c.
int subquad_gram_product_f64(uint8_t level_number,
                             size_t n,
                             size_t d,
                             size_t m,
                             size_t c,
                             const double *x,
                             const double *a,
                             const uint64_t *words,
                             const double *u,
                             double *out,
                             double *scratch,
                             size_t scratch_len,
                             subquad_error *error);

// `K[i][j] = <x_i, x_j> |S_i and S_j| / m` for j <= i: X n x d, the pattern n x m, the result n x n; what stands
// above the diagonal is meaningless.
int subquad_gram_f64(uint8_t level_number,
                     size_t n,
                     size_t d,
                     size_t m,
                     const double *x,
                     const uint64_t *words,
                     double *out,
                     double *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// The limit of the Gram matrix for infinitely many Gaussian neurons; what stands above the diagonal is
// meaningless.
int subquad_analytic_gram_f64(uint8_t level_number,
                              size_t n,
                              size_t d,
                              const double *x,
                              double shift,
                              double *out,
                              double *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Neurons first .. first + rows of J^T U: the result rows x d, everything else as in the whole product.
int subquad_vjp_rows_f64(uint8_t level_number,
                         size_t n,
                         size_t d,
                         size_t m,
                         size_t c,
                         const double *x,
                         const double *a,
                         const uint64_t *words,
                         const double *u,
                         size_t first,
                         size_t rows,
                         double *out,
                         double *scratch,
                         size_t scratch_len,
                         subquad_error *error);

// On how many neurons both of two samples fire, for each pair: the pattern n x m, the result n x n; what stands
// above the diagonal is meaningless.
int subquad_overlaps_f64(uint8_t level_number,
                         size_t n,
                         size_t m,
                         const uint64_t *words,
                         double *out,
                         subquad_error *error);

// Scratch of an SRHT of vectors of `len` numbers; 0 where there is none.
size_t subquad_srht_scratch_len(size_t len);

// Scratch of a TensorSRHT of factors of these lengths; 0 where there is none.
size_t subquad_tensor_srht_scratch_len(size_t left, size_t right);

// Scratch of a TensorSketch by `rows` numbers, a power of two; 0 where there is none.
size_t subquad_tensor_sketch_scratch_len(size_t rows);

// Scratch of the SRHT of a Jacobian of m neurons on d inputs; 0 where there is none.
size_t subquad_srht_jacobian_scratch_len(size_t d, size_t m);

// Scratch of the TensorSRHT of a Jacobian of m neurons on d inputs; 0 where there is none.
size_t subquad_tensor_srht_jacobian_scratch_len(size_t d, size_t m);

// Scratch of the TensorSketch, by `rows` numbers, of a Jacobian of m neurons on d inputs; 0 where there is none.
size_t subquad_tensor_sketch_jacobian_scratch_len(size_t d, size_t m, size_t rows);

// Bounds of what a sketch of so many rows for each sample, more than 1, leaves of any spectrum: for subquad_fixed_step.
int subquad_sketch_law(double rows_per_sample, double *low, double *high, subquad_error *error);

// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
// rows of J: X n x d, its output weights a (m), the pattern n x m.
int subquad_srht_jacobian_f32(uint8_t level_number,
                              size_t n,
                              size_t d,
                              size_t m,
                              size_t rows,
                              uint64_t seed,
                              const float *x,
                              const float *a,
                              const uint64_t *words,
                              float *y,
                              float *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
// rows of J: X n x d, its output weights a (m), the pattern n x m.
int subquad_tensor_srht_jacobian_f32(uint8_t level_number,
                                     size_t n,
                                     size_t d,
                                     size_t m,
                                     size_t rows,
                                     uint64_t seed,
                                     const float *x,
                                     const float *a,
                                     const uint64_t *words,
                                     float *y,
                                     float *scratch,
                                     size_t scratch_len,
                                     subquad_error *error);

// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
// rows of J: X n x d, its output weights a (m), the pattern n x m.
int subquad_tensor_sketch_jacobian_f32(uint8_t level_number,
                                       size_t n,
                                       size_t d,
                                       size_t m,
                                       size_t rows,
                                       uint64_t seed,
                                       const float *x,
                                       const float *a,
                                       const uint64_t *words,
                                       float *y,
                                       float *scratch,
                                       size_t scratch_len,
                                       subquad_error *error);

// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
// rows of J: X n x d, its output weights a (m), the pattern n x m.
int subquad_srht_jacobian_f64(uint8_t level_number,
                              size_t n,
                              size_t d,
                              size_t m,
                              size_t rows,
                              uint64_t seed,
                              const double *x,
                              const double *a,
                              const uint64_t *words,
                              double *y,
                              double *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
// rows of J: X n x d, its output weights a (m), the pattern n x m.
int subquad_tensor_srht_jacobian_f64(uint8_t level_number,
                                     size_t n,
                                     size_t d,
                                     size_t m,
                                     size_t rows,
                                     uint64_t seed,
                                     const double *x,
                                     const double *a,
                                     const uint64_t *words,
                                     double *y,
                                     double *scratch,
                                     size_t scratch_len,
                                     subquad_error *error);

// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
// rows of J: X n x d, its output weights a (m), the pattern n x m.
int subquad_tensor_sketch_jacobian_f64(uint8_t level_number,
                                       size_t n,
                                       size_t d,
                                       size_t m,
                                       size_t rows,
                                       uint64_t seed,
                                       const double *x,
                                       const double *a,
                                       const uint64_t *words,
                                       double *y,
                                       double *scratch,
                                       size_t scratch_len,
                                       subquad_error *error);

// y <- y + S x, the subsampled randomised Hadamard transform of `len` numbers by `rows`.
int subquad_srht_f32(uint8_t level_number,
                     size_t len,
                     size_t rows,
                     uint64_t seed,
                     const float *x,
                     float *y,
                     float *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// y <- y + S (u (x) v), the TensorSRHT of factors of `left` and `right` numbers by `rows`.
int subquad_tensor_srht_f32(uint8_t level_number,
                            size_t left,
                            size_t right,
                            size_t rows,
                            uint64_t seed,
                            const float *u,
                            const float *v,
                            float *y,
                            float *scratch,
                            size_t scratch_len,
                            subquad_error *error);

// n standard normal numbers of a stream of a seed: the same bits on every platform.
int subquad_gaussian_f32(uint64_t seed, uint32_t stream, float *to, size_t n, subquad_error *error);

// n random signs, +1 and -1, of a stream of a seed.
int subquad_signs_f32(uint64_t seed, uint32_t stream, float *to, size_t n, subquad_error *error);

// y <- y + S (u (x) v), the TensorSketch of factors of `left` and `right` numbers by `rows`, a power of two. A
// factor is given by `left` numbers, or, where its indices are not null, by the `u_count` of them that are not
// zero.
int subquad_tensor_sketch_f32(uint8_t level_number,
                              size_t left,
                              size_t right,
                              size_t rows,
                              uint64_t seed,
                              const size_t *u_indices,
                              size_t u_count,
                              const float *u,
                              const size_t *v_indices,
                              size_t v_count,
                              const float *v,
                              float *y,
                              float *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// y <- y + S x, the subsampled randomised Hadamard transform of `len` numbers by `rows`.
int subquad_srht_f64(uint8_t level_number,
                     size_t len,
                     size_t rows,
                     uint64_t seed,
                     const double *x,
                     double *y,
                     double *scratch,
                     size_t scratch_len,
                     subquad_error *error);

// y <- y + S (u (x) v), the TensorSRHT of factors of `left` and `right` numbers by `rows`.
int subquad_tensor_srht_f64(uint8_t level_number,
                            size_t left,
                            size_t right,
                            size_t rows,
                            uint64_t seed,
                            const double *u,
                            const double *v,
                            double *y,
                            double *scratch,
                            size_t scratch_len,
                            subquad_error *error);

// n standard normal numbers of a stream of a seed: the same bits on every platform.
int subquad_gaussian_f64(uint64_t seed, uint32_t stream, double *to, size_t n, subquad_error *error);

// n random signs, +1 and -1, of a stream of a seed.
int subquad_signs_f64(uint64_t seed, uint32_t stream, double *to, size_t n, subquad_error *error);

// y <- y + S (u (x) v), the TensorSketch of factors of `left` and `right` numbers by `rows`, a power of two. A
// factor is given by `left` numbers, or, where its indices are not null, by the `u_count` of them that are not
// zero.
int subquad_tensor_sketch_f64(uint8_t level_number,
                              size_t left,
                              size_t right,
                              size_t rows,
                              uint64_t seed,
                              const size_t *u_indices,
                              size_t u_count,
                              const double *u,
                              const size_t *v_indices,
                              size_t v_count,
                              const double *v,
                              double *y,
                              double *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Scratch of conjugate gradients with callbacks.
size_t subquad_cg_scratch_len(size_t dim);

// Scratch of least squares with callbacks.
size_t subquad_least_squares_scratch_len(size_t rows, size_t cols);

// Scratch of steps of a fixed length: n samples, outputs.
size_t subquad_fixed_step_scratch_len(size_t n, size_t outputs);

// Solves A x = b by conjugate gradients, from the x that is handed over. `operator_` is A, a symmetric positive
// definite matrix of dim rows; `preconditioner`, if not null, approximates its inverse. Not to converge is no
// error: `report` says it.
int subquad_cg_f32(uint8_t level_number,
                   size_t dim,
                   subquad_product_f32 operator_,
                   subquad_product_f32 preconditioner,
                   void *context,
                   const float *b,
                   float *x,
                   const subquad_stopping *stopping,
                   subquad_report *report,
                   float *scratch,
                   size_t scratch_len,
                   subquad_error *error);

// Minimises |b - J x|^2 + damping |x|^2, from the x that is handed over; from zero it finds the shortest
// minimiser. `product` is J, of rows x cols numbers, `transposed` its transpose; b has rows numbers, x has cols.
int subquad_least_squares_f32(uint8_t level_number,
                              size_t rows,
                              size_t cols,
                              subquad_tall_product_f32 product,
                              subquad_tall_product_f32 transposed,
                              void *context,
                              const float *b,
                              double damping,
                              float *x,
                              const subquad_least_squares_stopping *stopping,
                              subquad_least_squares_report *report,
                              float *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Solves K g = b by steps of a fixed length, preconditioned by a sketch, from the g that is handed over: n
// samples, n x outputs numbers in b and g. `operator_` is K; `factor`, n x n, has R^T in its lower triangle, as
// subquad_qr and subquad_cholesky_qr leave it, for a sketch of `sketch_rows` rows. `low` and `high` bound the
// singular values of the preconditioned tangents; both 0 is a step of 1, for 64 rows a sample and more.
int subquad_fixed_step_f32(uint8_t level_number,
                           size_t n,
                           size_t outputs,
                           subquad_product_f32 operator_,
                           void *context,
                           const float *factor,
                           size_t sketch_rows,
                           double low,
                           double high,
                           const float *b,
                           float *g,
                           const subquad_stopping *stopping,
                           subquad_report *report,
                           float *scratch,
                           size_t scratch_len,
                           subquad_error *error);

// Solves A x = b by conjugate gradients, from the x that is handed over. `operator_` is A, a symmetric positive
// definite matrix of dim rows; `preconditioner`, if not null, approximates its inverse. Not to converge is no
// error: `report` says it.
int subquad_cg_f64(uint8_t level_number,
                   size_t dim,
                   subquad_product_f64 operator_,
                   subquad_product_f64 preconditioner,
                   void *context,
                   const double *b,
                   double *x,
                   const subquad_stopping *stopping,
                   subquad_report *report,
                   double *scratch,
                   size_t scratch_len,
                   subquad_error *error);

// Minimises |b - J x|^2 + damping |x|^2, from the x that is handed over; from zero it finds the shortest
// minimiser. `product` is J, of rows x cols numbers, `transposed` its transpose; b has rows numbers, x has cols.
int subquad_least_squares_f64(uint8_t level_number,
                              size_t rows,
                              size_t cols,
                              subquad_tall_product_f64 product,
                              subquad_tall_product_f64 transposed,
                              void *context,
                              const double *b,
                              double damping,
                              double *x,
                              const subquad_least_squares_stopping *stopping,
                              subquad_least_squares_report *report,
                              double *scratch,
                              size_t scratch_len,
                              subquad_error *error);

// Solves K g = b by steps of a fixed length, preconditioned by a sketch, from the g that is handed over: n
// samples, n x outputs numbers in b and g. `operator_` is K; `factor`, n x n, has R^T in its lower triangle, as
// subquad_qr and subquad_cholesky_qr leave it, for a sketch of `sketch_rows` rows. `low` and `high` bound the
// singular values of the preconditioned tangents; both 0 is a step of 1, for 64 rows a sample and more.
int subquad_fixed_step_f64(uint8_t level_number,
                           size_t n,
                           size_t outputs,
                           subquad_product_f64 operator_,
                           void *context,
                           const double *factor,
                           size_t sketch_rows,
                           double low,
                           double high,
                           const double *b,
                           double *g,
                           const subquad_stopping *stopping,
                           subquad_report *report,
                           double *scratch,
                           size_t scratch_len,
                           subquad_error *error);

// Scratch of conjugate gradients for so many right-hand sides of dim numbers.
size_t subquad_cg_rows_scratch_len_f32(size_t rows, size_t dim);

// Solves A x = b for every row b of B by conjugate gradients, from the rows of X that are handed over: B and X are rows x
// dim. One product with all that are not finished per step; each has the bits that it has alone, if the products'
// rows do. `operator_` and `preconditioner`, which may be null, as in subquad_cg; `watch`, if not null, says what else
// is wanted; `reports` has one for each row.
int subquad_cg_rows_f32(uint8_t level_number,
                        size_t rows,
                        size_t dim,
                        subquad_rows_product_f32 operator_,
                        subquad_rows_product_f32 preconditioner,
                        void *context,
                        const float *b,
                        float *x,
                        const subquad_stopping *stopping,
                        const subquad_watch *watch,
                        subquad_report *reports,
                        float *scratch,
                        size_t scratch_len,
                        subquad_error *error);

// Scratch of conjugate gradients for so many right-hand sides of dim numbers.
size_t subquad_cg_rows_scratch_len_f64(size_t rows, size_t dim);

// Solves A x = b for every row b of B by conjugate gradients, from the rows of X that are handed over: B and X are rows x
// dim. One product with all that are not finished per step; each has the bits that it has alone, if the products'
// rows do. `operator_` and `preconditioner`, which may be null, as in subquad_cg; `watch`, if not null, says what else
// is wanted; `reports` has one for each row.
int subquad_cg_rows_f64(uint8_t level_number,
                        size_t rows,
                        size_t dim,
                        subquad_rows_product_f64 operator_,
                        subquad_rows_product_f64 preconditioner,
                        void *context,
                        const double *b,
                        double *x,
                        const subquad_stopping *stopping,
                        const subquad_watch *watch,
                        subquad_report *reports,
                        double *scratch,
                        size_t scratch_len,
                        subquad_error *error);

// Finds the places of each column: `starts` gets cols + 1 numbers, `rows` and `places` as many as there are places.
int subquad_transpose(const subquad_support *of,
                      size_t *starts,
                      uint32_t *rows,
                      uint32_t *places,
                      subquad_error *error);

// Numbers of a matrix packed into panels.
size_t subquad_panels_len(size_t rows, size_t cols);

// Scratch of spreading sparse rows of so many places in all.
size_t subquad_spread_scratch_len(size_t places);

// Scratch of the inner products of sparse rows.
size_t subquad_overlap_scratch_len(size_t depth, size_t rows_a, size_t rows_b);

// Packs a matrix, row-major, into panels: `to` gets subquad_panels_len(rows, cols) numbers.
int subquad_pack_f32(size_t rows, size_t cols, const float *from, float *to, subquad_error *error);

// Out <- A B, or, with `add`, Out <- Out + A B: A of depth 1, Out as many rows as A, as many columns as B.
int subquad_times_panels_f32(uint8_t level_number,
                             const subquad_sparse_f32 *a,
                             const subquad_panels_f32 *b,
                             bool add,
                             float *out,
                             subquad_error *error);

// Z <- Z + alpha M^T U: U of depth 1 with its columns, M as many rows as U, Z as many rows as M has columns, and
// as many columns as U.
int subquad_spread_f32(uint8_t level_number,
                       float alpha,
                       const subquad_sparse_f32 *u,
                       const subquad_columns *u_columns,
                       const subquad_panels_f32 *m,
                       float *z,
                       float *scratch,
                       size_t scratch_len,
                       subquad_error *error);

// `Out[a][b] += sum_c <A_c[a], B_c[b]>`, the inner products of the rows of two stacks, each with its columns; with
// `symmetric` they are the same, and only what stands on and below the diagonal is written.
int subquad_overlap_f32(uint8_t level_number,
                        const subquad_sparse_f32 *a,
                        const subquad_columns *a_columns,
                        const subquad_sparse_f32 *b,
                        const subquad_columns *b_columns,
                        bool symmetric,
                        float *out,
                        float *scratch,
                        size_t scratch_len,
                        subquad_error *error);

// Packs a matrix, row-major, into panels: `to` gets subquad_panels_len(rows, cols) numbers.
int subquad_pack_f64(size_t rows, size_t cols, const double *from, double *to, subquad_error *error);

// Out <- A B, or, with `add`, Out <- Out + A B: A of depth 1, Out as many rows as A, as many columns as B.
int subquad_times_panels_f64(uint8_t level_number,
                             const subquad_sparse_f64 *a,
                             const subquad_panels_f64 *b,
                             bool add,
                             double *out,
                             subquad_error *error);

// Z <- Z + alpha M^T U: U of depth 1 with its columns, M as many rows as U, Z as many rows as M has columns, and
// as many columns as U.
int subquad_spread_f64(uint8_t level_number,
                       double alpha,
                       const subquad_sparse_f64 *u,
                       const subquad_columns *u_columns,
                       const subquad_panels_f64 *m,
                       double *z,
                       double *scratch,
                       size_t scratch_len,
                       subquad_error *error);

// `Out[a][b] += sum_c <A_c[a], B_c[b]>`, the inner products of the rows of two stacks, each with its columns; with
// `symmetric` they are the same, and only what stands on and below the diagonal is written.
int subquad_overlap_f64(uint8_t level_number,
                        const subquad_sparse_f64 *a,
                        const subquad_columns *a_columns,
                        const subquad_sparse_f64 *b,
                        const subquad_columns *b_columns,
                        bool symmetric,
                        double *out,
                        double *scratch,
                        size_t scratch_len,
                        subquad_error *error);

// x <- H x, in place: n = 2^p, or 12, 20 or 28 times 2^p.
int subquad_fwht_f32(uint8_t level_number, float *x, size_t n, subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_rows_f32(uint8_t level_number,
                               const subquad_transform *how,
                               float *x,
                               size_t rows,
                               size_t cols,
                               subquad_error *error);

// Transforms every column of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_columns_f32(uint8_t level_number,
                                  const subquad_transform *how,
                                  float *x,
                                  size_t rows,
                                  size_t cols,
                                  subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers into a row of rows x n numbers, as if zeros followed;
// the source stays as it is.
int subquad_transform_rows_from_f32(uint8_t level_number,
                                    const subquad_transform *how,
                                    const float *source,
                                    size_t rows,
                                    size_t cols,
                                    float *to,
                                    size_t n,
                                    subquad_error *error);

// Some outputs of the transform of n = 2^p numbers, of which the first `len` are given and the others are zero:
// `out[j]` is output `chosen[j]`, with the bits of the whole transform. `chosen` and `out` have `count` numbers.
int subquad_transform_outputs_f32(uint8_t level_number,
                                  const subquad_transform *how,
                                  const float *source,
                                  size_t len,
                                  size_t n,
                                  const size_t *chosen,
                                  size_t count,
                                  float *out,
                                  float *scratch,
                                  size_t scratch_len,
                                  subquad_error *error);

// x <- H x, in place: n = 2^p, or 12, 20 or 28 times 2^p.
int subquad_fwht_f64(uint8_t level_number, double *x, size_t n, subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_rows_f64(uint8_t level_number,
                               const subquad_transform *how,
                               double *x,
                               size_t rows,
                               size_t cols,
                               subquad_error *error);

// Transforms every column of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_columns_f64(uint8_t level_number,
                                  const subquad_transform *how,
                                  double *x,
                                  size_t rows,
                                  size_t cols,
                                  subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers into a row of rows x n numbers, as if zeros followed;
// the source stays as it is.
int subquad_transform_rows_from_f64(uint8_t level_number,
                                    const subquad_transform *how,
                                    const double *source,
                                    size_t rows,
                                    size_t cols,
                                    double *to,
                                    size_t n,
                                    subquad_error *error);

// Some outputs of the transform of n = 2^p numbers, of which the first `len` are given and the others are zero:
// `out[j]` is output `chosen[j]`, with the bits of the whole transform. `chosen` and `out` have `count` numbers.
int subquad_transform_outputs_f64(uint8_t level_number,
                                  const subquad_transform *how,
                                  const double *source,
                                  size_t len,
                                  size_t n,
                                  const size_t *chosen,
                                  size_t count,
                                  double *out,
                                  double *scratch,
                                  size_t scratch_len,
                                  subquad_error *error);

// x <- H x, in place: n = 2^p, or 12, 20 or 28 times 2^p.
int subquad_fwht_i32(uint8_t level_number, int32_t *x, size_t n, subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_rows_i32(uint8_t level_number,
                               const subquad_transform *how,
                               int32_t *x,
                               size_t rows,
                               size_t cols,
                               subquad_error *error);

// Transforms every column of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_columns_i32(uint8_t level_number,
                                  const subquad_transform *how,
                                  int32_t *x,
                                  size_t rows,
                                  size_t cols,
                                  subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers into a row of rows x n numbers, as if zeros followed;
// the source stays as it is.
int subquad_transform_rows_from_i32(uint8_t level_number,
                                    const subquad_transform *how,
                                    const int32_t *source,
                                    size_t rows,
                                    size_t cols,
                                    int32_t *to,
                                    size_t n,
                                    subquad_error *error);

// Some outputs of the transform of n = 2^p numbers, of which the first `len` are given and the others are zero:
// `out[j]` is output `chosen[j]`, with the bits of the whole transform. `chosen` and `out` have `count` numbers.
int subquad_transform_outputs_i32(uint8_t level_number,
                                  const subquad_transform *how,
                                  const int32_t *source,
                                  size_t len,
                                  size_t n,
                                  const size_t *chosen,
                                  size_t count,
                                  int32_t *out,
                                  int32_t *scratch,
                                  size_t scratch_len,
                                  subquad_error *error);

// x <- H x, in place: n = 2^p, or 12, 20 or 28 times 2^p.
int subquad_fwht_i16(uint8_t level_number, int16_t *x, size_t n, subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_rows_i16(uint8_t level_number,
                               const subquad_transform *how,
                               int16_t *x,
                               size_t rows,
                               size_t cols,
                               subquad_error *error);

// Transforms every column of a matrix of rows x cols numbers, as described; null for H itself.
int subquad_transform_columns_i16(uint8_t level_number,
                                  const subquad_transform *how,
                                  int16_t *x,
                                  size_t rows,
                                  size_t cols,
                                  subquad_error *error);

// Transforms every row of a matrix of rows x cols numbers into a row of rows x n numbers, as if zeros followed;
// the source stays as it is.
int subquad_transform_rows_from_i16(uint8_t level_number,
                                    const subquad_transform *how,
                                    const int16_t *source,
                                    size_t rows,
                                    size_t cols,
                                    int16_t *to,
                                    size_t n,
                                    subquad_error *error);

// Some outputs of the transform of n = 2^p numbers, of which the first `len` are given and the others are zero:
// `out[j]` is output `chosen[j]`, with the bits of the whole transform. `chosen` and `out` have `count` numbers.
int subquad_transform_outputs_i16(uint8_t level_number,
                                  const subquad_transform *how,
                                  const int16_t *source,
                                  size_t len,
                                  size_t n,
                                  const size_t *chosen,
                                  size_t count,
                                  int16_t *out,
                                  int16_t *scratch,
                                  size_t scratch_len,
                                  subquad_error *error);

// Whether there is a transform of this length.
bool subquad_fwht_is_len(size_t n);

// The shortest length of a transform that is at least n; 0 where there is none.
size_t subquad_fwht_len_above(size_t n);

// The longest length of a transform that is at most n; 0 where there is none.
size_t subquad_fwht_len_below(size_t n);

// Whether entry i, j of H is -1, of n rows; of no meaning where there is no transform of this length.
bool subquad_fwht_is_minus(size_t n, size_t i, size_t j);

// Whether input i is negated where the signs are made from this seed.
bool subquad_seed_is_minus(uint64_t seed, size_t i);

// The row in natural order that stands at place k of n = 2^p rows in this order (1 dyadic, 2 sequency); k in any other.
size_t subquad_order_natural(uint32_t order, size_t k, size_t n);

// Scratch of `count` outputs of a transform of n numbers.
size_t subquad_outputs_scratch_len(size_t n, size_t count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SUBQUAD_H */
