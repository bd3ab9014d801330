//! Texts of the user's in messages.

/// A text of the user's as a message shows it: its control characters escaped, cut off after 200 characters.
pub fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let mut shown = String::new();
    for (k, c) in text.chars().enumerate() {
        match c {
            _ if k == MOST => {
                shown.push('…');
                break;
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}
