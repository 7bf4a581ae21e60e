//! A small writer of SVG.

use std::fmt::Write as _;

const FONT: &str = "DejaVu Sans, Verdana, sans-serif";
pub(crate) const INK: &str = "#24292f";
pub(crate) const PALE: &str = "#6e7781";
pub(crate) const LINE: &str = "#d0d7de";

pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(crate) fn rect(&mut self, [x, y, width, height]: [f64; 4], color: &str) {
        self.put(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{color}"/>"#
        ));
    }

    pub(crate) fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], color: &str) {
        self.put(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{color}"/>"#
        ));
    }

    pub(crate) fn path(&mut self, points: &[(f64, f64)], color: &str, width: f64) {
        let places: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="{width}"/>"#,
            places.join(" ")
        ));
        for (x, y) in points {
            self.put(format_args!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="{}" fill="{color}"/>"#,
                width + 1.0
            ));
        }
    }

    pub(crate) fn text(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        anchor: Anchor,
        color: &str,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if text == "hton" { " font-weight=\"bold\"" } else { "" };
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.put(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" text-anchor="{anchor}" fill="{color}"{weight}>{text}</text>"#
        ));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        writeln!(self.body, "{element}").ok();
    }

    pub(crate) fn end(self) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"{FONT}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

/// A number as short as it can be read.
pub(crate) fn short(value: f64) -> String {
    let (value, sign) = match value.abs() {
        999_500.0.. => (value / 1e6, "M"),
        999.5.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if value.abs() < 9.995 && value.fract() != 0.0 {
        2
    } else {
        usize::from(value.abs() < 99.95 && value.fract() != 0.0)
    };
    format!("{value:.digits$}{sign}")
}

/// A time in the unit in which it is short; any other number as it is.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    let nanos = match unit {
        "ns" => value,
        "p99 µs" => value * 1000.0,
        _ => return short(value),
    };
    match nanos {
        1e6.. => format!("{} ms", short(nanos / 1e6)),
        1e3.. => format!("{} µs", short(nanos / 1e3)),
        _ => format!("{} ns", short(nanos)),
    }
}

/// Of a bar: ours stands out, the measure is darker than the others.
pub(crate) fn fill(name: &str) -> &'static str {
    match name {
        "hton" => "#cf4520",
        "raw-tokio" | "raw-std" => "#8c959f",
        _ => "#c8d1da",
    }
}

/// Of a line, which must be told from others.
pub(crate) fn color(name: &str) -> &'static str {
    match name {
        "hton" => "#cf4520",
        "raw-tokio" => "#24292f",
        "raw-std" => "#57606a",
        "tarpc" => "#0969da",
        "tonic" => "#8250df",
        "capnp-rpc" => "#1a7f37",
        "volo-thrift" => "#bf8700",
        "jsonrpsee" => "#bf3989",
        "remoc" => "#1b7c83",
        _ => "#8c959f",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_times_their_unit() {
        assert_eq!([short(3_850_000.0), short(999_600.0), short(237.4)], ["3.85M", "1.00M", "237"]);
        assert_eq!([short(54_000.0), short(99_960.0), short(9.996)], ["54k", "100k", "10.0"]);
        assert_eq!(with_unit(6240.0, "p99 µs"), "6.24 ms");
        assert_eq!([with_unit(17_100.0, "ns"), with_unit(512.0, "ns")], ["17.1 µs", "512 ns"]);
        assert_eq!(with_unit(512.0, "calls/s"), "512");
    }
}
