//! Quantities in words: ages, sizes, rates, percentages.

use crate::core::Load;
use jiff::Timestamp;

/// A span in its two largest units: `3d 2h`, `5h 12m`, `4m 10s`, `42s`.
pub(crate) fn span(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m {}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h {}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Like [`span`], without seconds above a minute: for what is shown all the time.
pub(crate) fn calm_span(seconds: i64) -> String {
    match seconds {
        60..3_600 => format!("{}m", seconds / 60),
        _ => span(seconds),
    }
}

/// Seconds from `earlier` to `later`; 0 if the clock went backwards.
pub(crate) fn seconds(earlier: Timestamp, later: Timestamp) -> i64 {
    (later.as_second() - earlier.as_second()).max(0)
}

/// Memory of so many MiB: `512 M`, `2.0 G`.
pub(crate) fn memory(mib: u64) -> String {
    if mib < 1024 {
        return format!("{mib} M");
    }
    format!("{}.{} G", mib / 1024, mib % 1024 * 10 / 1024)
}

/// Bytes with a decimal prefix: `88 kB`, `1.2 MB`.
pub(crate) fn bytes(count: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = if count.is_finite() { count.max(0.0) } else { 0.0 };
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit > 0 && value < 9.95 {
        format!("{value:.1} {}", units[unit])
    } else {
        format!("{value:.0} {}", units[unit])
    }
}

/// A rate: `1.2 MB/s`; `–` if it is not known.
pub(crate) fn rate(per_second: Option<f64>) -> String {
    per_second.map_or_else(|| "–".to_owned(), |it| format!("{}/s", bytes(it)))
}

/// A percentage; `–` if it is not known.
pub(crate) fn percent(value: Option<f32>) -> String {
    value.map_or_else(|| "–".to_owned(), |it| format!("{it:.0} %"))
}

/// `value` of `total`, as bytes of one unit: `231/378 MB`.
pub(crate) fn of(done: u64, total: u64) -> String {
    let whole = bytes(total as f64);
    let (_, unit) = whole.split_once(' ').unwrap_or(("", "B"));
    let part = bytes(done as f64);
    match part.split_once(' ') {
        Some((figure, part_unit)) if part_unit == unit => {
            format!("{figure}/{whole}")
        }
        _ => format!("{part} of {whole}"),
    }
}

/// Bars of eighths for the last `width` values, 0 to 100; blank where there is no value yet.
pub(crate) fn sparkline(load: &Load, width: usize) -> String {
    const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let history = &load.cpu_history;
    let shown = &history[history.len().saturating_sub(width)..];
    let mut bars = " ".repeat(width - shown.len());
    bars.extend(shown.iter().map(|percent| {
        let eighth = (percent.clamp(0.0, 100.0) / 100.0 * 7.0).round();
        EIGHTHS[eighth as usize % 8]
    }));
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_shows_its_two_largest_units() {
        assert_eq!(span(42), "42s");
        assert_eq!(span(250), "4m 10s");
        assert_eq!(span(18_720), "5h 12m");
        assert_eq!(span(266_400), "3d 2h");
        assert_eq!(span(-5), "0s");
        assert_eq!(calm_span(250), "4m");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(memory(512), "512 M");
        assert_eq!(memory(2048), "2.0 G");
        assert_eq!(memory(1536), "1.5 G");
        assert_eq!(bytes(88_000.0), "88 kB");
        assert_eq!(bytes(1_240_000.0), "1.2 MB");
        assert_eq!(bytes(f64::NAN), "0 B");
        assert_eq!(of(231_000_000, 378_000_000), "231/378 MB");
        assert_eq!(of(900_000, 378_000_000), "900 kB of 378 MB");
    }

    #[test]
    fn a_sparkline_ends_with_the_latest_value() {
        let load = Load {
            cpu_history: [0.0, 50.0, 100.0, f32::NAN].into(),
            ..Load::default()
        };
        assert_eq!(sparkline(&load, 6), "  ▁▅█▁");
        assert_eq!(sparkline(&load, 2), "█▁");
    }
}
