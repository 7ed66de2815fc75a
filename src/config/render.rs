//! Problems as people read them: what, where with an arrow under it, and a hint.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::problem::{Problem, Severity};

/// Renders problems one below the other, in plain text or with terminal colours.
pub fn render(problems: &[Problem], colour: bool) -> String {
    // Links to files that only some terminals follow are left out.
    let renderer = if colour { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let mut out = String::new();
    for problem in problems {
        out.push_str(&one(problem, &renderer));
        out.push_str("\n\n");
    }
    out
}

fn one(problem: &Problem, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let hint = Level::HELP.with_name("hint").message(annotate_snippets::normalize_untrusted_str(&problem.hint));
    let title = level.primary_title(problem.message.as_str());
    let (file, line) = (problem.file.display().to_string(), usize::try_from(problem.line).unwrap_or(usize::MAX));
    let column = usize::try_from(problem.column).unwrap_or(usize::MAX);
    let origin = Origin::path(file.clone()).line(line).char_column(column);
    let group = match &problem.excerpt {
        None => title.element(origin),
        Some(excerpt) => {
            let mark = AnnotationKind::Primary.span(excerpt.span.clone());
            let snippet = Snippet::source(excerpt.text.as_str()).line_start(line).annotation(mark);
            // Of a part of a line the column cannot be counted, so it is said apart.
            if excerpt.whole { title.element(snippet.path(file)) } else { title.element(origin).element(snippet) }
        }
    };
    renderer.render(&[group.element(hint)])
}
