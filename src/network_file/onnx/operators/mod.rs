//! The operations of ONNX: what each is as operations of a network.

mod arithmetic;
mod entrywise;
mod losses;
mod normalizations;
mod numbers;
mod products;
mod reductions;
mod shapes;
mod windows;

pub(super) use losses::{Reduction, cross_entropy, mean_squared_error};

use super::call::Call;
use super::importer::Importer;
use super::value::{Outcome, Value};
use crate::network::NodeId;
use crate::network::error::shown;

/// The values of a node's outputs, of those that a network can have.
pub(super) fn build(importer: &mut Importer, call: &Call<'_>) -> Outcome<Vec<Value>> {
    if !matches!(call.node.domain.as_str(), "" | "ai.onnx" | "com.microsoft") {
        return Err(format!("operations of the domain `{}` are not known", shown(&call.node.domain)).into());
    }
    // The result of known inputs is computed at once. Operations of whole numbers have known inputs only.
    if let Some(folded) = numbers::fold(importer, call)? {
        return Ok(folded);
    }
    let one = |id: Outcome<NodeId>| id.map(|id| vec![Value::Node(id)]);
    match call.node.op_type.as_str() {
        "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Mean" => one(arithmetic::arithmetic(importer, call)),
        "Pow" => one(arithmetic::power(importer, call)),
        "Where" => one(entrywise::choice(importer, call)),
        "Max" | "Min" | "Clip" => one(entrywise::bounded(importer, call)),
        "Identity" | "Cast" | "CastLike" | "Dropout" => entrywise::same(importer, call),
        "IsNaN" | "IsInf" => entrywise::never(importer, call),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => one(shapes::reshape(importer, call)),
        "Transpose" => one(shapes::transpose(importer, call)),
        "Expand" => one(shapes::expand(importer, call)),
        "Concat" => one(shapes::concatenate(importer, call)),
        "Split" => shapes::split(importer, call),
        "Slice" => one(shapes::slice(importer, call)),
        "Gather" => one(shapes::gather(importer, call)),
        "Pad" => one(shapes::pad(importer, call)),
        "ReduceMean" | "ReduceSum" | "ReduceSumSquare" | "ReduceL2" | "ReduceMax" | "ReduceLogSumExp"
        | "GlobalAveragePool" | "GlobalMaxPool" => one(reductions::reduce(importer, call)),
        "MatMul" => one(products::matmul(importer, call)),
        "Gemm" => one(products::gemm(importer, call)),
        "Attention" => one(products::attention(importer, call)),
        "Conv" => one(windows::convolution(importer, call)),
        "AveragePool" | "MaxPool" => one(windows::pool(importer, call)),
        "BatchNormalization" => one(normalizations::batch(importer, call)),
        "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
            one(normalizations::layer(importer, call))
        }
        "InstanceNormalization" => one(normalizations::instance(importer, call)),
        "GroupNormalization" => one(normalizations::group(importer, call)),
        "LpNormalization" | "MeanVarianceNormalization" => one(normalizations::plain(importer, call)),
        "Softmax" | "LogSoftmax" => one(entrywise::softmax(importer, call)),
        "SoftmaxCrossEntropyLoss" | "NegativeLogLikelihoodLoss" => one(losses::of_labels(importer, call)),
        _ => one(entrywise::function(importer, call)),
    }
}
