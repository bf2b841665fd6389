//! Lists, page by page: the first items and a cursor that the next request brings along.
//!
//! A cursor says the key of the last item that was shown, not a count: what is added or removed meanwhile shifts nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// Items of a page, unless the request says another number.
const LIMIT: u32 = 100;
/// The most items of a page.
const LIMIT_MAX: u32 = 1000;
/// Longer than any key of ours.
const CURSOR_BYTES: usize = 1024;

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items, in the list's order.
    pub(super) items: Vec<T>,
    /// The `cursor` of the page that follows; null on the last page.
    pub(super) next: Option<String>,
}

/// Which page is asked for, where nothing else is asked.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageAsked {
    /// How many items at most; 100 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl PageAsked {
    /// # Errors
    /// As [`Paging::new`].
    pub(super) fn paging<K: Serialize + DeserializeOwned>(&self) -> Result<Paging<K>, Problem> {
        Paging::new(self.limit, self.cursor.as_deref())
    }
}

/// Which page is asked for: how many items, after which key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paging<K> {
    /// How many items at most.
    pub(super) limit: usize,
    /// After the item of that key; from the beginning where there is none.
    pub(super) after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Paging<K> {
    /// From the parameters `limit` and `cursor`.
    ///
    /// # Errors
    /// 400 for a limit outside 1 to 1000 and for a cursor that no page gave.
    pub(super) fn new(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::invalid("limit", format!("limit is {limit}, expected 1 to {LIMIT_MAX}")));
        }
        let after =
            cursor.map(|text| read(text).ok_or_else(|| Problem::invalid("cursor", "cursor is not one that a page gave")));
        Ok(Self { limit: limit as usize, after: after.transpose()? })
    }

    /// The page of a list that was asked for one item more than `limit`, after the key: that one tells whether there are more.
    pub(super) fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = items.last().filter(|_| more).map(|last| written(&key(last)));
        Page { items, next }
    }

    /// The page of a list that is in memory, in ascending order of its keys.
    pub(super) fn page_of<T>(&self, items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Page<T>
    where
        K: Ord,
    {
        let after = items.into_iter().filter(|item| self.after.as_ref().is_none_or(|after| key(item) > *after));
        self.page(after.take(self.limit + 1).collect(), key)
    }
}

fn written<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn read<K: DeserializeOwned>(text: &str) -> Option<K> {
    let text = Some(text).filter(|text| text.len() <= CURSOR_BYTES)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_a_gap_or_a_repetition() {
        let all: Vec<u64> = (0..25).collect();
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = Paging::new(Some(10), cursor.as_deref()).unwrap().page_of(all.clone(), |n| *n);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert_eq!(Paging::new(Some(25), None).unwrap().page_of(all, |n| *n).next, None);
    }

    #[test]
    fn what_no_page_gave_is_refused() {
        for limit in [0, 1001] {
            assert_eq!(Paging::<u64>::new(Some(limit), None).unwrap_err().field.as_deref(), Some("limit"));
        }
        for cursor in ["", "!", "bm9uZQ", &"A".repeat(5000)] {
            assert_eq!(Paging::<u64>::new(None, Some(cursor)).unwrap_err().field.as_deref(), Some("cursor"), "{cursor}");
        }
    }
}
