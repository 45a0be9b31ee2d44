//! QR codes of addresses: in the terminal for the operator, as a picture for the dashboard.

use std::fmt::Write;

use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};

/// Side of the picture unless its place says otherwise, in CSS pixels.
const PICTURE_PX: u32 = 240;
/// White on black whatever the terminal's own colours are: scanners want light round the code.
const ON_A_TERMINAL: (&str, &str) = ("\x1b[97;40m", "\x1b[0m");

/// What a QR code is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// A terminal, with colours.
    Terminal,
    /// A file or a pipe: characters only, light on dark.
    Plain,
}

/// The text is too long for a QR code.
#[derive(Debug, thiserror::Error)]
#[error("{length} bytes don't fit into a QR code: {source}")]
pub struct QrError {
    length: usize,
    source: qrcode::types::QrError,
}

/// The code in half blocks, two rows a line.
///
/// # Errors
/// When the text is too long.
pub fn in_characters(text: &str, paper: Paper) -> Result<String, QrError> {
    // Drawn is what is light, since terminals are dark.
    let drawn = encode(text)?
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build();
    let (before, after) = match paper {
        Paper::Terminal => ON_A_TERMINAL,
        Paper::Plain => ("", ""),
    };
    Ok(drawn.lines().fold(String::new(), |mut lines, line| {
        let _ = writeln!(lines, "{before}{line}{after}");
        lines
    }))
}

/// The code as an SVG picture, black on white with its quiet zone.
///
/// # Errors
/// When the text is too long.
pub fn as_picture(text: &str) -> Result<String, QrError> {
    Ok(encode(text)?
        .render::<svg::Color>()
        .min_dimensions(PICTURE_PX, PICTURE_PX)
        .build())
}

fn encode(text: &str) -> Result<QrCode, QrError> {
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|source| QrError {
        length: text.len(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "http://192.168.1.5:8080/join#7K3Q-9XWD";

    #[test]
    fn a_terminal_gets_colours_and_a_pipe_only_characters() {
        let plain = in_characters(LINK, Paper::Plain).unwrap();
        let widths: Vec<_> = plain.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
        // The quiet zone is light, and light is drawn.
        assert!(plain.starts_with("████"), "{plain}");
        assert!(!plain.contains('\x1b'));
        let painted = in_characters(LINK, Paper::Terminal).unwrap();
        for (line, bare) in painted.lines().zip(plain.lines()) {
            assert_eq!(line, format!("\x1b[97;40m{bare}\x1b[0m"));
        }
    }

    #[test]
    fn a_picture_needs_no_script() {
        let picture = as_picture(LINK).unwrap();
        assert!(picture.contains("<svg") && picture.contains("<path"));
        assert!(!picture.contains("script"));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert!(as_picture(&"x".repeat(4000)).is_err());
    }
}
