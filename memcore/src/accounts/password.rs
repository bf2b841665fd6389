//! Passwords: the rule for them, and how they are kept (argon2id).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, ErrorKind, Result};

/// Length of a password in characters, as NIST SP 800-63B-4 asks of one that stands alone (15 with its caution; 12 is what people
/// who manage energy sites will keep without writing it down).
const LENGTH_MIN: usize = 12;
/// Longer ones cost time and help nobody.
const LENGTH_MAX: usize = 1024;
/// A text of two characters in turn is no password, however long.
const DISTINCT_MIN: usize = 5;

/// The first choice of the OWASP Password Storage Cheat Sheet for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Passwords that are hashed at a time: 38 MiB and two cores at most.
const AT_ONCE: usize = 2;
/// Passwords that wait for that. Full-policy: the next one is told to come back.
const WAITING_MAX: usize = 32;

/// Checks a password that a person chooses for that user.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), saying what is wrong and never the password.
pub(super) fn check(password: &str, user: &str) -> Result<()> {
    let length = password.chars().count();
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        let expected = format!("expected {LENGTH_MIN} to {LENGTH_MAX}");
        return Err(Error::invalid(format!("password has {length} characters, {expected}")));
    }
    let mut distinct: Vec<char> = password.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < DISTINCT_MIN {
        let message = format!("password repeats {} characters, expected {DISTINCT_MIN} different ones", distinct.len());
        return Err(Error::invalid(message));
    }
    let (own, name) = (password.to_lowercase(), user.split('@').next().unwrap_or(user));
    if own == user || (name.len() >= LENGTH_MIN / 2 && own.replace(name, "").chars().count() < LENGTH_MIN / 2) {
        return Err(Error::invalid("password is little more than the name of its user, expected another"));
    }
    Ok(())
}

/// Hashes and verifies passwords, a few at a time.
#[derive(Debug, Clone)]
pub(super) struct Hasher {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// What is verified where there is no password to verify, so that it takes as long.
    nobody: Arc<str>,
}

impl Hasher {
    pub(super) async fn new() -> Result<Self> {
        let (turns, waiting) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::default());
        // Of a password that nobody can know: only its parameters and form matter.
        let nobody = super::secret::new_secret()?;
        let nobody = tokio::task::spawn_blocking(move || blank(&nobody)).await.map_err(ended)??;
        Ok(Self { turns, waiting, nobody: nobody.into() })
    }

    /// What is kept of a password: a text of the PHC form, with its own salt.
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.in_turn(move || {
            let hashed = argon2()?.hash_password(password.as_bytes()).map_err(refused)?;
            Ok(hashed.to_string())
        })
        .await
    }

    /// Whether that is the password; where none is `kept` it is not, and it takes as long to say so.
    pub(super) async fn fits(&self, password: &str, kept: Option<&str>) -> Result<bool> {
        let (known, against) = (kept.is_some(), kept.unwrap_or(&self.nobody).to_owned());
        let password = password.to_owned();
        self.in_turn(move || {
            // One that is longer than any was kept is not worth the time.
            let short = password.chars().take(LENGTH_MAX + 1).count() <= LENGTH_MAX;
            Ok(short && argon2()?.verify_password(password.as_bytes(), against.as_str()).is_ok() && known)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let place = Place::take(&self.waiting)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|e| Error::new(ErrorKind::Closed, e.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            // Kept to the end even where nobody waits for it any more: what is bounded is the work.
            let (_place, _turn) = (place, turn);
            work()
        });
        done.await.map_err(ended)?
    }
}

/// A place among those that are hashed or wait for it.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::new(ErrorKind::LimitReached, "too many sign in at this moment, expected another try soon"));
        }
        Ok(Self(waiting.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(refused)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A hash of nothing in particular, without the work of one.
fn blank(salt: &str) -> Result<String> {
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).map_err(refused)?;
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(salt.as_bytes()).map_err(refused)?;
    let cheap = cheap.to_string();
    Ok(cheap.replace(&format!("m={},t=1,p=1", Params::MIN_M_COST), &format!("m={MEMORY_KIB},t={PASSES},p={LANES}")))
}

fn refused(e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, format!("argon2: {e}"))
}

fn ended(e: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, format!("hashing a password failed: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_length_and_is_not_the_name() {
        check("correct horse battery", "eva").unwrap();
        check("äöüßéèêçñøåæ", "eva").unwrap();
        check(&"long enough ".repeat(80), "eva").unwrap();
        let endless = "abcde".repeat(205);
        for (password, word) in [
            ("short", "5 characters"),
            ("aaaaaaaaaaaaaaaa", "repeats 1"),
            ("abababababababab", "repeats 2"),
            ("eva@example.org", "name of its user"),
            (endless.as_str(), "1025 characters"),
        ] {
            let e = check(password, "eva@example.org").unwrap_err();
            assert!(e.message().contains(word) && !e.message().contains(password), "{e}");
        }
        assert!(check("evamariamueller1", "evamariamueller@example.org").is_err());
    }

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_of_its_own_salt() {
        let hasher = Hasher::new().await.unwrap();
        let (one, other) =
            (hasher.hash("correct horse battery").await.unwrap(), hasher.hash("correct horse battery").await);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != other.unwrap(), "{one}");
        assert!(hasher.fits("correct horse battery", Some(&one)).await.unwrap());
        assert!(!hasher.fits("correct horse batterx", Some(&one)).await.unwrap());
        assert!(!hasher.fits("correct horse battery", None).await.unwrap());
    }

    #[tokio::test]
    async fn nobodys_password_costs_as_much_as_somebodys() {
        let hasher = Hasher::new().await.unwrap();
        let kept = hasher.hash("correct horse battery").await.unwrap();
        let form = |text: &str| text.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(form(&hasher.nobody), form(&kept));
        assert_eq!(hasher.nobody.len(), kept.len());
    }

    #[tokio::test]
    async fn those_who_are_too_many_are_told_so() {
        let hasher = Hasher::new().await.unwrap();
        let places: Vec<_> = (0..WAITING_MAX).map(|_| Place::take(&hasher.waiting).unwrap()).collect();
        let e = hasher.fits("correct horse battery", None).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::LimitReached);
        drop(places);
        assert!(!hasher.fits("correct horse battery", None).await.unwrap());
    }
}
