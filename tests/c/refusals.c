// Functions that refuse nothing elsewhere: what they are not given, they name.
#include "test.h"

void refusals(void) {
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_scale_f32(1, 1, 1, NULL, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_axpy_f32(1, 1, 1, NULL, NULL, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_xpby_f32(1, 1, NULL, 1, NULL, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_gram_f32(1, 1, 1, 1, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "columns: the pointer is null", subquad_qr_f32(1, 1, 1, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "a: the pointer is null", subquad_cholesky_f32(1, 1, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "l: the pointer is null", subquad_cholesky_solve_f32(1, 1, 1, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_transform_columns_f32(1, NULL, NULL, 1, 1, error));
    REFUSED(SUBQUAD_NULL, "to: the pointer is null", subquad_gaussian_f32(1, 1, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "to: the pointer is null", subquad_signs_f32(1, 1, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "w: the pointer is null", subquad_scan_f32(1, 1, 1, 1, NULL, NULL, 1, 1, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "w: the pointer is null", subquad_build_f32(1, 1, 1, NULL, NULL, 1, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "w: the pointer is null", subquad_max_tree_build_f32(1, 1, 1, 1, NULL, NULL, NULL, 1, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "w: the pointer is null", subquad_candidates_build_f32(1, 1, 1, 1, NULL, NULL, 1, 1, 1, NULL, 1, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "bytes: the pointer is null", subquad_candidates_advance_f32(1, NULL, 1, 1, 1, NULL, false, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "bytes: the pointer is null", subquad_candidates_verify_f32(NULL, 1, 1, 1, NULL, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_gram_product_f32(1, 1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_analytic_gram_f32(1, 1, 1, NULL, 1, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "words: the pointer is null", subquad_overlaps_f32(1, 1, 1, NULL, NULL, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_srht_jacobian_f32(1, 1, 1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "u: the pointer is null", subquad_tensor_srht_f32(1, 1, 1, 1, 1, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_tensor_srht_jacobian_f32(1, 1, 1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_tensor_sketch_jacobian_f32(1, 1, 1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "from: the pointer is null", subquad_pack_f32(1, 1, NULL, NULL, error));
    REFUSED(SUBQUAD_NULL, "u: the pointer is null", subquad_spread_f32(1, 1, NULL, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "update: the pointer is null", subquad_low_rank_transposed_f32(1, NULL, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "update: the pointer is null", subquad_low_rank_fold_dense_f32(1, NULL, 1, 1, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "g: the pointer is null", subquad_combine_f32(1, NULL, NULL, NULL, error));
    REFUSED(SUBQUAD_NULL, "h: the pointer is null", subquad_unnormalise_f32(1, NULL, NULL, 1, NULL, error));
    REFUSED(SUBQUAD_NULL, "g: the pointer is null", subquad_structured_backward_f32(1, 1, 1, 1, NULL, NULL, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "lists: the pointer is null", subquad_fired_outputs_f32(1, NULL, 1, 1, NULL, 1, 1, NULL, NULL, 1, error));
    REFUSED(SUBQUAD_NULL, "x: the pointer is null", subquad_fired_values_f32(1, 1, 1, NULL, NULL, NULL, 1, NULL, error));
    REFUSED(SUBQUAD_NULL, "lists: the pointer is null", subquad_fired_input_gradient_f32(1, NULL, 1, 1, NULL, NULL, NULL, NULL, NULL, 1, error));
}
