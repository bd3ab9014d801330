//! Tables shaped like those that people have: offsets, units, outliers, dependent columns. The right values are by exact rational
//! arithmetic, `tests/tables/oracle.py`, which shares nothing with the library.

use std::fs;
use std::path::{Path, PathBuf};

use sharpflow::arithmetic::norm;
use sharpflow::data::{Dataset, PrincipalComponents, TableOptions};
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// What a table's Γ is: rank, R and λ₁ at an angle, in the principal components; and how far rounding may move λ₁, relatively.
struct Found {
    rank: usize,
    is_point: bool,
    correlation: f64,
    sharpness: f64,
    tolerance: f64,
}

fn found(data: &Dataset, angle: f64) -> Found {
    let (components, targets) = data.principal_components().unwrap();
    let loss = LinearRegression::<f64>::in_components(&components, &targets).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let mut axis = vec![0.0; loss.dimension()];
    axis[loss.dimension() - 1] = 1.0;
    let point = minimizers.at_angle(angle, &axis).unwrap();
    let mut geometry = Geometry::new(loss.dimension());
    minimizers.geometry(&point, &mut geometry).unwrap();
    Found {
        rank: minimizers.rank(),
        is_point: minimizers.manifold_dimension() == 0,
        correlation: minimizers.correlation(),
        sharpness: geometry.sharpness,
        tolerance: tolerance(&components, &loss, &minimizers, geometry.sharpness, angle),
    }
}

/// Scores are rounded column by column, each relatively: that moves the singular values of (I − f̂f̂ᵀ)UΣ, whose square λ₁ is, by u·σ₁,
/// and ‖w*‖ and cos²φ by u for each of the components.
fn tolerance(
    components: &PrincipalComponents,
    loss: &LinearRegression<f64>,
    minimizers: &LinearRegressionMinimizers<f64>,
    sharpness: f64,
    angle: f64,
) -> f64 {
    let (n, largest) = (loss.sample_count() as f64, components.values[0].0);
    let cosine = angle.cos();
    let mu = sharpness * n * minimizers.correlation() * cosine * cosine / (2.0 * minimizers.minimum_norm().powi(2));
    8.0 * n * f64::EPSILON * (1.0 + largest / mu.sqrt() + angle.tan())
}

#[test]
fn every_table_has_the_value_of_exact_arithmetic() {
    let expected = fs::read_to_string(folder("tables/expected.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(expected.as_bytes());
    let header = reader.headers().unwrap().clone();
    let mut tables = 0;
    for record in reader.records().map(Result::unwrap) {
        let field = |name: &str| &record[header.iter().position(|column| column == name).unwrap()];
        let number = |name: &str| field(name).parse::<f64>().unwrap();
        let drop = field("options").strip_prefix("--drop ").map(str::to_owned).into_iter().collect();
        let options = TableOptions { drop, ..TableOptions::default() };
        let path = folder("tables").join(field("file"));
        let (data, reading) = Dataset::from_table(&path, field("target"), &options).unwrap();
        assert_eq!((reading.samples, reading.features), (number("n") as usize, number("d") as usize));
        let found = found(&data, number("phi"));
        let name = field("file");
        assert_eq!(found.rank, number("rank") as usize, "{name}");
        assert_eq!(found.is_point, field("gamma_is_point") == "yes", "{name}");
        assert!((found.correlation - number("R")).abs() < 64.0 * f64::EPSILON, "{name}: {}", found.correlation);
        let error = (found.sharpness / number("lambda1") - 1.0).abs();
        assert!(error <= found.tolerance, "{name}: {error:e} of {:e}", found.tolerance);
        tables += 1;
    }
    assert_eq!(tables, 44);
}

/// The tables that an earlier version got wrong, with the values by exact rational centring and a 60-digit decomposition.
#[test]
fn tables_that_were_wrong_are_right() {
    for (name, target, drop, rank, sharpness) in [
        ("offset_unix_seconds", "y", None, 6, 292_224.151_079_62),
        ("offset_constant_column", "y", None, 7, 337.578_031_224_67),
        ("offset_0_control", "y", None, 9, 50.713_526_350_359_91),
        ("offset_3e4_refuted", "y", None, 9, 50.713_526_350_359_91),
        ("scale_countries", "infant", None, 11, 9.110_756_520_278e26),
        ("outlier_town", "y", None, 11, 58_695_483.174_51),
        ("header_of_numbers", "7", None, 4, 26.014_452_546_455),
        ("index_column", "y", Some("1"), 4, 26.014_452_546_455),
        ("semicolon", "price", None, 19, 112.774_963_192_649),
    ] {
        let options = TableOptions { drop: drop.map(str::to_owned).into_iter().collect(), ..TableOptions::default() };
        let path = folder("cases").join(name).with_extension("csv");
        let (data, _) = Dataset::from_table(&path, target, &options).unwrap();
        let found = found(&data, 1.2);
        assert_eq!(found.rank, rank, "{name}");
        // The values stand here to twelve digits or more.
        assert!((found.sharpness / sharpness - 1.0).abs() < 1e-12, "{name}: {}", found.sharpness);
        assert!((found.correlation - 1.0).abs() < 1e-14, "{name}");
    }
    let (data, _) = Dataset::from_table(&folder("cases/scale_si_units.csv"), "y", &TableOptions::default()).unwrap();
    let found = found(&data, 0.0);
    assert!(found.rank == 3 && found.is_point && (found.correlation - 0.723_950_725_816_22).abs() < 1e-13);
}

/// Without principal components the minimum-norm solution and Γ are the same, in the features' own coordinates.
#[test]
fn the_features_own_coordinates_give_the_same_geometry() {
    let (data, _) =
        Dataset::from_table(&folder("cases/offset_unix_seconds.csv"), "y", &TableOptions::default()).unwrap();
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    assert!((norm(minimizers.minimum_norm_direction()) - 1.0).abs() < 1e-14);
    let towards: Vec<f64> = (0..loss.dimension()).map(|k| (k as f64).cos()).collect();
    let point = minimizers.at_angle(1.2, &towards).unwrap();
    let mut geometry = Geometry::new(loss.dimension());
    minimizers.geometry(&point, &mut geometry).unwrap();
    assert!((geometry.sharpness / found(&data, 1.2).sharpness - 1.0).abs() < 1e-9, "{}", geometry.sharpness);
}
