//! What the fuzz targets of files do with their bytes; ordinary tests of the same bodies are in `tests/trainers/fuzz_files.rs`.

/// Any bytes as a table: a data set or a message.
pub fn table(bytes: &[u8]) {
    use subquad::train::{TableOptions, read_dataset_from};
    match read_dataset_from(bytes, "fuzz.csv", &TableOptions::default()) {
        Ok(data) => {
            assert!(data.rows() > 0 && data.features().data().iter().all(|x| x.is_finite()));
            if let Ok(split) = data.split(0.3, 1) {
                assert_eq!(split.train.len() + split.test.len(), data.rows());
            }
        }
        Err(error) => assert!(error.to_string().contains("fuzz.csv"), "{error}"),
    }
}

/// Any bytes as a model: one that predicts, or a message.
pub fn model(bytes: &[u8]) {
    use subquad::train::{Matrix, Model};
    match Model::from_bytes(bytes, "fuzz.safetensors") {
        Ok(model) => {
            let p = model.preparation().features();
            let row = Matrix::new(vec![0.5; p], 1, p).expect("one row");
            let scalar = subquad::Level::available().last().expect("the scalar level is always there");
            let _ = model.predict(scalar, &row, &[0]);
        }
        Err(error) => assert!(error.to_string().contains("fuzz.safetensors"), "{error}"),
    }
}
