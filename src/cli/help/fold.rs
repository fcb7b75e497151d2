//! Lines of Chinese broken where they may be: the library breaks at spaces, of which there are none.

/// The text with no line wider than so many columns, unless one word is.
#[must_use]
pub fn folded(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| folded_line(line, columns)).collect();
    lines.join("\n")
}

fn folded_line(line: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut at = 0;
    for piece in pieces(line) {
        let width = width(&piece);
        if at > 0 && at + width > columns {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(piece.trim_start());
            at = self::width(piece.trim_start());
        } else {
            out.push_str(&piece);
            at += width;
        }
    }
    out
}

/// The pieces that stay whole: words of Latin letters, and single characters with the marks that may
/// not begin or end a line.
fn pieces(line: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut before = None;
    for c in line.chars() {
        let joins = before.is_some_and(|before| joins(before, c));
        match pieces.last_mut() {
            Some(last) if joins => last.push(c),
            _ => pieces.push(c.to_string()),
        }
        before = Some(c);
    }
    pieces
}

fn joins(before: char, c: char) -> bool {
    let closes = "，。、；：？！）》」”’…".contains(c);
    let opens = "（《「“‘".contains(before);
    let word = !is_wide(before) && !is_wide(c) && before != ' ' && c != ' ';
    closes || opens || word
}

/// Columns on a terminal.
fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Chinese characters and their marks take two columns; so do quotation marks among them.
fn is_wide(c: char) -> bool {
    u32::from(c) >= 0x1100 || "“”‘’…—".contains(c)
}
