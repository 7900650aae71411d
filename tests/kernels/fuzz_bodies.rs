//! The bodies of the fuzz targets on a fixed set of inputs, so that they stay right between fuzzing sessions.

#[path = "../bodies"]
mod bodies {
    pub mod blas;
    mod bounds;
    pub mod cg;
    pub mod deep;
    pub mod definite;
    pub mod factors;
    pub mod fired;
    pub mod hadamard;
    pub mod halfspace;
    pub mod index;
    pub mod inputs;
    pub mod jacobians;
    pub mod least_squares;
    pub mod low_rank;
    mod network;
    pub mod relu;
    pub mod sketch;
    mod source;
    pub mod sparse;
    mod sparse_case;
    mod streams;
    pub mod systems;
    pub mod vectors;
    mod words;
}

macro_rules! on_fixed_inputs {
    ($($body:ident),+) => {
        $(#[test]
        fn $body() {
            bodies::inputs::on_inputs(include_bytes!(concat!("../bodies/seeds/", stringify!($body))), bodies::$body::$body);
        })+
    };
}

on_fixed_inputs!(
    hadamard,
    vectors,
    blas,
    definite,
    factors,
    relu,
    fired,
    deep,
    halfspace,
    index,
    sketch,
    jacobians,
    sparse,
    low_rank,
    cg,
    systems,
    least_squares
);
