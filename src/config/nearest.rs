//! The word that was most likely meant.

/// A longer word is no slip of the finger, and distances cost its square.
const LONGEST: usize = 64;

/// So many known words are compared: a person with more has them in a list and not in mind.
const COMPARED: usize = 2_000;

/// The nearest of the known words, if one is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(word);
    let reach = (wanted.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .take(COMPARED)
        .filter(|known| known.len() <= LONGEST)
        .map(|known| (strsim::damerau_levenshtein(&wanted, &plain(known)), known))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Words as a sentence lists them: `a`, `b` and `c`; beyond a dozen the rest is only counted.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if quoted.len() > MOST {
        let rest = quoted.len() - MOST;
        quoted.truncate(MOST);
        return format!("{} and {rest} more", quoted.join(", "));
    }
    match quoted.pop() {
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} and {last}", quoted.join(", ")),
        None => "none".to_owned(),
    }
}

/// `did you mean ..?` where something is near, else what there is.
pub(super) fn hint(word: &str, known: &[&str], else_say: &str) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{else_say} {}", listed(known.iter().copied())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_does_not() {
        let keys = ["ceiling", "share_by", "priority", "up"];
        for (word, found) in [
            ("cieling", Some("ceiling")),
            ("share-by", Some("share_by")),
            ("Priority", Some("priority")),
            ("u", Some("up")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), found, "{word}");
        }
    }

    #[test]
    fn a_list_of_words_ends_with_and() {
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(listed([]), "none");
    }
}
