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

// A product of dimensions does not fit the address space.
#define SUBQUAD_OVERFLOW 6

// A callback returned something other than 0.
#define SUBQUAD_CALLBACK 7

// A model could not be read, or cannot be asked this.
#define SUBQUAD_MODEL 8

// A defect of the library.
#define SUBQUAD_PANIC 9

// A trained model; it is read only, and may be asked from several threads at once.
typedef struct subquad_model subquad_model;

// What went wrong.
typedef struct {
  // One of the codes.
  int code;
  // The length that fits or that is enough, where there is one; of a callback, what it returned.
  size_t expected;
  // The length that was handed over, where there is one.
  size_t found;
  // A sentence with the figures, ended by a zero; cut off where it is longer.
  char message[256];
} subquad_error;

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

// y <- A x, or z <- M^-1 r, for dim numbers: returns 0, or anything else to stop. It must not unwind.
typedef int (*subquad_product_f64)(void *context, const double *from, double *to, size_t dim);

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

// Scratch of a scan of m neurons of d numbers.
size_t subquad_scan_scratch_len(size_t d, size_t m);

// Reports, for each row x of X (n x d), every row w of W (m x d) with <w, x> > threshold: `counts` (n) are the
// true counts, row i of `indices` (n x room) has the first `room` of them, ascending, and `values`, if not
// null, their values.
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
// packed, 2 screened, 4 ball tree.
size_t subquad_index_len_f32(uint32_t kind_number, size_t m, size_t d);

// Scratch of a query.
size_t subquad_query_scratch_len_f32(uint32_t kind_number, size_t m, size_t d);

// Scratch of building: 0 but for the ball tree.
size_t subquad_build_scratch_len_f32(uint32_t kind_number, size_t m, size_t d);

// Builds an index over W (m x d) into `bytes`, which begin at a multiple of 8. They may be stored, and used
// again anywhere.
int subquad_build_f32(uint32_t kind_number,
                      size_t m,
                      size_t d,
                      const float *w,
                      uint8_t *bytes,
                      size_t bytes_len,
                      float *scratch,
                      size_t scratch_len,
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

// Neuron r has moved to `row`, d numbers; the index's checksum is written anew if `seal`, which reads all bytes.
int subquad_update_f32(uint32_t kind_number,
                       uint8_t *bytes,
                       size_t bytes_len,
                       size_t r,
                       const float *row,
                       size_t d,
                       bool seal,
                       subquad_error *error);

// Whether this is a sound index over exactly these weights, W m x d.
int subquad_verify_f32(uint32_t kind_number,
                       const uint8_t *bytes,
                       size_t bytes_len,
                       size_t m,
                       size_t d,
                       const float *w,
                       subquad_error *error);

// Reports, for each row x of X (n x d), every row w of W (m x d) with <w, x> > threshold: `counts` (n) are the
// true counts, row i of `indices` (n x room) has the first `room` of them, ascending, and `values`, if not
// null, their values.
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
// packed, 2 screened, 4 ball tree.
size_t subquad_index_len_f64(uint32_t kind_number, size_t m, size_t d);

// Scratch of a query.
size_t subquad_query_scratch_len_f64(uint32_t kind_number, size_t m, size_t d);

// Scratch of building: 0 but for the ball tree.
size_t subquad_build_scratch_len_f64(uint32_t kind_number, size_t m, size_t d);

// Builds an index over W (m x d) into `bytes`, which begin at a multiple of 8. They may be stored, and used
// again anywhere.
int subquad_build_f64(uint32_t kind_number,
                      size_t m,
                      size_t d,
                      const double *w,
                      uint8_t *bytes,
                      size_t bytes_len,
                      double *scratch,
                      size_t scratch_len,
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

// Neuron r has moved to `row`, d numbers; the index's checksum is written anew if `seal`, which reads all bytes.
int subquad_update_f64(uint32_t kind_number,
                       uint8_t *bytes,
                       size_t bytes_len,
                       size_t r,
                       const double *row,
                       size_t d,
                       bool seal,
                       subquad_error *error);

// Whether this is a sound index over exactly these weights, W m x d.
int subquad_verify_f64(uint32_t kind_number,
                       const uint8_t *bytes,
                       size_t bytes_len,
                       size_t m,
                       size_t d,
                       const double *w,
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

// Whether there is a transform of this length.
bool subquad_fwht_is_len(size_t n);

// The 64-bit words of a firing pattern: neuron r of sample i is bit r % 64 of word r / 64 of row i, whose length is
// this for one sample.
size_t subquad_pattern_len(size_t samples, size_t neurons);

// Scratch of the product of m x k and k x n numbers.
size_t subquad_gemm_scratch_len(size_t m, size_t n, size_t k);

// Scratch of a Cholesky factorisation.
size_t subquad_cholesky_scratch_len(size_t n);

// Scratch of solving with a Cholesky factor.
size_t subquad_cholesky_solve_scratch_len(size_t n);

// Scratch of a QR factorisation.
size_t subquad_qr_scratch_len(size_t rows, size_t cols);

// Scratch of conjugate gradients with callbacks.
size_t subquad_cg_scratch_len(size_t dim);

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

// Scratch of an SRHT of vectors of `len` numbers; 0 where there is none.
size_t subquad_srht_scratch_len(size_t len);

// Scratch of a TensorSRHT of factors of these lengths; 0 where there is none.
size_t subquad_tensor_srht_scratch_len(size_t left, size_t right);

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

// Reads a model from a file. `path` is UTF-8, ended by a zero; the model that is put behind `to` is to be freed.
int subquad_model_load(const char *path, subquad_model **to, subquad_error *error);

// Reads a model from the bytes of a file.
int subquad_model_from_bytes(const uint8_t *bytes, size_t len, subquad_model **to, subquad_error *error);

// Frees a model; null is no model.
void subquad_model_free(subquad_model *model);

// Features of a row; 0 for null.
size_t subquad_model_features(const subquad_model *model);

// Numbers that a prediction has: 1 for classes, as many as there are targets for regression; 0 for null.
size_t subquad_model_answers(const subquad_model *model);

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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SUBQUAD_H */
