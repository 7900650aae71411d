//! The bodies of the fuzz targets on a fixed set of inputs, so that they stay right between fuzzing sessions.

#[path = "../bodies"]
mod bodies {
    pub mod blas;
    pub mod cg;
    pub mod factors;
    pub mod fired;
    pub mod hadamard;
    pub mod halfspace;
    pub mod index;
    pub mod inputs;
    pub mod least_squares;
    pub mod low_rank;
    mod network;
    pub mod relu;
    pub mod sketch;
    mod source;
    pub mod sparse;
    mod sparse_case;
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

on_fixed_inputs!(hadamard, blas, factors, relu, fired, halfspace, index, sketch, sparse, low_rank, cg, least_squares);
