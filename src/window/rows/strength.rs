//! How well a passphrase keeps a file that somebody else may try to open at leisure.

/// A hint, no promise: it counts letters, and knows no dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    Weak,
    Fair,
    Good,
}

/// Below this a machine that tries passphrases finds it. Argon2id makes each try cost about a tenth of a second.
const FAIR_BITS: f64 = 40.0;
const GOOD_BITS: f64 = 65.0;

impl Strength {
    /// Nothing while there is nothing.
    pub fn of(passphrase: &str) -> Option<Self> {
        let bits = bits(passphrase);
        if passphrase.is_empty() {
            None
        } else if bits < FAIR_BITS {
            Some(Self::Weak)
        } else if bits < GOOD_BITS {
            Some(Self::Fair)
        } else {
            Some(Self::Good)
        }
    }

    pub fn is_good(self) -> bool {
        self == Self::Good
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Weak => "Weak: make it longer, such as five words.",
            Self::Fair => "Fair: one more word makes it good.",
            Self::Good => "Good",
        }
    }
}

/// Letters times what each of them can be; one that was there before counts little.
fn bits(passphrase: &str) -> f64 {
    let has = |is_kind: fn(char) -> bool| passphrase.chars().any(is_kind);
    let choices: f64 = [
        (has(char::is_lowercase), 26.0),
        (has(char::is_uppercase), 26.0),
        (has(char::is_numeric), 10.0),
        (has(|letter| !letter.is_alphanumeric()), 20.0),
    ]
    .into_iter()
    .filter_map(|(is_there, choices)| is_there.then_some(choices))
    .sum();
    let mut seen: Vec<char> = Vec::new();
    let letters: f64 = passphrase
        .chars()
        .map(|letter| {
            if seen.contains(&letter) {
                0.5
            } else {
                seen.push(letter);
                1.0
            }
        })
        .sum();
    letters * choices.max(2.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_and_more_varied_is_stronger() {
        assert_eq!(Strength::of(""), None);
        assert_eq!(Strength::of("aaaaaaaaaaaa"), Some(Strength::Weak));
        assert_eq!(Strength::of("hunter2"), Some(Strength::Weak));
        assert_eq!(Strength::of("tr0ub4dor&3"), Some(Strength::Fair));
        let words = "correct horse battery staple";
        assert_eq!(Strength::of(words), Some(Strength::Good));
    }
}
