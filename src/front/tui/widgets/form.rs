//! Draws a form: label, field, and beside it the reason why its value is refused.

use super::pen::{Pen, columns, fit, row};
use crate::front::tui::state::form::{Form, FormField, Kind};
use crate::front::tui::theme::Look;
use crate::model::text::visible;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// From this width on, reasons stand beside their fields.
const WIDE: u16 = 66;

/// Whether there is room for the reasons neither beside the fields nor below them.
fn is_tight(form: &Form, area: Rect) -> bool {
    area.width < WIDE && usize::from(area.height) < form.fields.len() * 2
}

/// Where there is no room for the reasons: that of the focused field, for the form's last line.
pub(crate) fn tight_reason(form: &Form, area: Rect) -> Option<&str> {
    form.fields
        .get(form.focus)
        .filter(|_| is_tight(form, area))?
        .shown_error()
}

/// Draws the fields from the top of `area`, one row each, or two where reasons need their own.
/// Answers where the cursor stands, and the row below the last field.
pub(crate) fn draw(form: &Form, area: Rect, buffer: &mut Buffer, look: &Look) -> (Option<(u16, u16)>, u16) {
    let label_width = form.fields.iter().map(|it| columns(it.label)).max().unwrap_or(0) + 2;
    let wide = area.width >= WIDE;
    let field_width = if wide {
        30
    } else {
        area.width.saturating_sub(label_width + 1).clamp(8, 30)
    };
    let per_field = if wide || is_tight(form, area) { 1 } else { 2 };
    // Where not all fit, the focused one stays in sight.
    let fitting = usize::from(area.height / per_field).max(1);
    let first = (form.focus + 1).saturating_sub(fitting);
    let mut cursor = None;
    let mut y = 0;
    for (index, field) in form.fields.iter().enumerate().skip(first).take(fitting) {
        let focused = index == form.focus;
        let line = row(area, y);
        let mut pen = Pen::new(buffer, line);
        pen.left(
            field.label,
            label_width,
            if focused { look.accent } else { look.dim },
        );
        let at = pen.x();
        let column = value(field, &mut pen, field_width, focused, look);
        if focused && form.busy.is_none() {
            cursor = column.map(|column| (at + column, line.y));
        }
        if wide {
            let x = at + field_width + 1;
            let width = line.right().saturating_sub(x);
            remark(field, Rect { x, width, ..line }, buffer, look);
        } else if per_field == 2 {
            let width = line.right().saturating_sub(at);
            remark(
                field,
                Rect {
                    x: at,
                    width,
                    ..row(area, y + 1)
                },
                buffer,
                look,
            );
        }
        y += per_field;
    }
    (cursor, y)
}

fn remark(field: &FormField, area: Rect, buffer: &mut Buffer, look: &Look) {
    let mut pen = Pen::new(buffer, area);
    match field.shown_error() {
        Some(error) => pen.put("✗ ", look.bad).put(error, look.bad),
        None => pen.put(&field.hint, look.dim),
    };
}

/// Draws a field's value; answers the cursor's column within it.
fn value(field: &FormField, pen: &mut Pen<'_>, width: u16, focused: bool, look: &Look) -> Option<u16> {
    let style = if focused { look.selected } else { look.field };
    match &field.kind {
        Kind::Choice { options, at } => {
            let label = options.get(*at).map_or("…", |it| it.label.as_str());
            let room = width.saturating_sub(4);
            pen.put("‹ ", look.dim)
                .left(&fit(label, room), room, style)
                .put(" ›", look.dim);
            None
        }
        Kind::Number { unit, .. } => {
            let room = width.saturating_sub(columns(unit) + 1).min(10);
            let column = line(field.input.value(), field.input.cursor(), room, pen, style);
            pen.skip(1).left(unit, width.saturating_sub(room + 1), look.dim);
            Some(column)
        }
        Kind::Secret => {
            let dots = "•".repeat(field.input.value().chars().count());
            Some(line(&dots, field.input.cursor(), width, pen, style))
        }
        Kind::Text | Kind::Lines => Some(line(field.input.value(), field.input.cursor(), width, pen, style)),
    }
}

/// Draws a line so that its cursor is in sight; answers the cursor's column.
fn line(text: &str, cursor: usize, width: u16, pen: &mut Pen<'_>, style: Style) -> u16 {
    let before: String = text.chars().take(cursor).collect();
    let before = visible(&before);
    let after: String = text.chars().skip(cursor).collect();
    let mut shown_before: &str = &before;
    // One column is kept for the cursor at the end of the text.
    while columns(shown_before) >= width.max(1) {
        let mut chars = shown_before.chars();
        chars.next();
        shown_before = chars.as_str();
    }
    let column = columns(shown_before);
    let mut text = shown_before.to_owned();
    let mut left = width.saturating_sub(column);
    for c in visible(&after).chars() {
        let mut piece = [0; 4];
        let piece = c.encode_utf8(&mut piece);
        let need = columns(piece);
        if need > left {
            break;
        }
        left -= need;
        text.push(c);
    }
    pen.left(&text, width, style);
    if columns(&text) < width {
        // The rest of the field shows how much room there is.
        pad(pen, width - columns(&text), style);
    }
    column
}

fn pad(pen: &mut Pen<'_>, width: u16, style: Style) {
    pen.back(width).put(&" ".repeat(width.into()), style);
}
