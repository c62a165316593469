//! Progress on standard error, only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar over bytes where their number is known, else a spinner that counts them.
pub(crate) fn bytes(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = match total {
        Some(_) => "{bar:24} {bytes}/{total_bytes} {msg} {eta} left",
        None => "{spinner} {bytes} {msg} {elapsed}",
    };
    styled(bar, template)
}

/// A bar over things whose number is known, with the time that is left; what they are stands in its message.
pub(crate) fn counted(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    styled(bar, "{bar:24} {human_pos}/{human_len} {msg} {eta} left")
}

/// A spinner beside what is being waited for.
pub(crate) fn waiting(what: impl Into<String>) -> ProgressBar {
    let bar = styled(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), "{spinner} {msg} {elapsed}");
    bar.set_message(what.into());
    bar
}

/// A bar over cases, whose number is told by the first that ends.
#[cfg(feature = "conformance")]
pub(crate) fn cases() -> ProgressBar {
    styled(ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()), "{bar:24} {pos}/{len} {msg} {elapsed}")
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    // A template that does not parse would be a mistake of ours that only costs the looks.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
