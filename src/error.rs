use thiserror::Error;

use crate::certificate::CertificateError;
use crate::data::DataError;
use crate::dense::DenseError;
use crate::descent::StepError;
use crate::enclosure::EnclosureError;
use crate::flow::FlowError;
use crate::identities::ExactError;
use crate::krylov::KrylovError;
use crate::minimizers::MinimizersError;
use crate::network::NetworkError;
use crate::network_file::FileError;
use crate::sharpness::SharpnessError;

/// Any error of the library, for those who do not tell one from another.
///
/// ```
/// fn smallest_norm(path: &std::path::Path) -> Result<f64, sharpflow::Error> {
///     use sharpflow::{data::Dataset, loss::LinearRegression, minimizers::LinearRegressionMinimizers};
///     let data = Dataset::from_csv(path, "price")?;
///     let minimizers = LinearRegressionMinimizers::<f64>::new(&LinearRegression::new(&data)?)?;
///     Ok(minimizers.minimum_norm())
/// }
/// assert!(smallest_norm("missing.csv".as_ref()).unwrap_err().to_string().contains("missing.csv"));
/// ```
#[derive(Debug, Error)]
#[error(transparent)]
pub enum Error {
    Certificate(#[from] CertificateError),
    Data(#[from] DataError),
    Dense(#[from] DenseError),
    Enclosure(#[from] EnclosureError),
    Exact(#[from] ExactError),
    File(#[from] FileError),
    Flow(#[from] FlowError),
    Krylov(#[from] KrylovError),
    Minimizers(#[from] MinimizersError),
    Network(#[from] NetworkError),
    Sharpness(#[from] SharpnessError),
    Step(#[from] StepError),
}
