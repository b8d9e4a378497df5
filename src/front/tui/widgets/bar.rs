//! A horizontal bar for progress and for strength.

use super::pen::Pen;
use ratatui::style::Style;

/// Draws a bar of `width` columns filled to `fraction` (0 to 1): `━━━━╸────`.
pub(crate) fn bar(pen: &mut Pen<'_>, width: u16, fraction: f64, filled: Style, rest: Style) {
    let width = width.min(pen.room());
    let fraction = if fraction.is_finite() {
        fraction.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let halves = (fraction * f64::from(width) * 2.0).round() as usize;
    let (whole, half) = (halves / 2, halves % 2);
    pen.put(&"━".repeat(whole), filled);
    pen.put(&"╸".repeat(half), filled);
    pen.put(&"─".repeat(usize::from(width).saturating_sub(whole + half)), rest);
}
