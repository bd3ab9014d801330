use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree, WriteOptions};
use svg2pdf::{ConversionOptions, PageOptions};

use super::PlotError;

/// The format of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Twice the drawing's pixels, on white.
    Png,
    /// One page of the drawing's size, with its letters as outlines.
    Pdf,
}

const SCALE: f32 = 2.0;

/// A drawing in another format.
///
/// # Errors
/// The SVG is none of [`super::to_svg`]'s, or too large.
pub fn export(svg: &str, format: Format) -> Result<Vec<u8>, PlotError> {
    static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut fonts = Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    });
    let options = Options { fontdb: FONTS.clone(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| PlotError(error.to_string()))?;
    match format {
        Format::Pdf => {
            let outlines = tree.to_string(&WriteOptions { preserve_text: false, ..WriteOptions::default() });
            let tree = Tree::from_str(&outlines, &options).map_err(|error| PlotError(error.to_string()))?;
            svg2pdf::to_pdf(&tree, ConversionOptions::default(), PageOptions::default())
                .map_err(|error| PlotError(error.to_string()))
        }
        Format::Png => {
            let size = tree.size();
            let pixels = |length: f32| (SCALE * length).ceil() as u32;
            let mut image = Pixmap::new(pixels(size.width()), pixels(size.height()))
                .ok_or_else(|| PlotError("the picture is too large".into()))?;
            image.fill(Color::WHITE);
            resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut image.as_mut());
            image.encode_png().map_err(|error| PlotError(error.to_string()))
        }
    }
}
