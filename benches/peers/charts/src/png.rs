//! SVG to PNG, in pure Rust, twice as large for sharp screens.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::error::Error;

pub(crate) struct Painter {
    options: Options<'static>,
}

impl Painter {
    /// Takes the fonts of the system; without any, a picture has no text.
    pub(crate) fn new() -> Self {
        let mut options = Options::default();
        options.fontdb_mut().load_system_fonts();
        if options.fontdb_mut().is_empty() {
            eprintln!("no fonts on this system: the PNG files will have no text");
        }
        Self { options }
    }

    pub(crate) fn paint(&self, svg: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let tree = Tree::from_str(svg, &self.options)?;
        let size = tree.size().to_int_size().scale_by(2.0).ok_or("an empty picture")?;
        let mut picture = Pixmap::new(size.width(), size.height()).ok_or("an empty picture")?;
        resvg::render(&tree, Transform::from_scale(2.0, 2.0), &mut picture.as_mut());
        Ok(picture.encode_png()?)
    }
}
