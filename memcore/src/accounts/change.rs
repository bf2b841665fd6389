//! One change of accounts at a time, in all processes; the others see by its number that there was one.

use sqlx::{Any, AnyConnection, Row, Transaction};

use super::Accounts;
use crate::error::{Error, ErrorKind, Result};
use crate::records::failed;

/// A change under way: nobody else changes accounts until it is committed or dropped.
pub(super) struct Change {
    transaction: Transaction<'static, Any>,
    /// Whether what others remember is void by it.
    tells: bool,
}

impl Accounts {
    /// Begins a change that ends what is remembered of callers.
    pub(super) async fn change(&self) -> Result<Change> {
        self.begin(true).await
    }

    /// Begins one that only adds, so that nothing that is remembered becomes wrong.
    pub(super) async fn addition(&self) -> Result<Change> {
        self.begin(false).await
    }

    async fn begin(&self, tells: bool) -> Result<Change> {
        let mut transaction = self.records().begin().await?;
        let step = i64::from(tells);
        let locked = sqlx::query("UPDATE account_changes SET number = number + $1 WHERE id = 1").bind(step);
        locked.execute(&mut *transaction).await.map_err(failed)?;
        Ok(Change { transaction, tells })
    }

    pub(super) async fn commit(&self, change: Change) -> Result<()> {
        change.transaction.commit().await.map_err(failed)?;
        if change.tells {
            self.inner.cache.forget();
        }
        Ok(())
    }

    /// The number of the last change.
    pub(super) async fn changes(&self) -> Result<i64> {
        let row = sqlx::query("SELECT number FROM account_changes WHERE id = 1").fetch_one(self.records().pool());
        row.await.and_then(|row| row.try_get(0)).map_err(failed)
    }
}

impl Change {
    /// What is changed through.
    pub(super) fn on(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// How many could do everything everywhere, as things stand: admins of all operators who can sign in.
    pub(super) async fn admins(&mut self) -> Result<i64> {
        let counted = sqlx::query(
            "SELECT COUNT(*) FROM users JOIN user_roles ON user_roles.user_name = users.name
             WHERE user_roles.operator = '*' AND user_roles.role = 'admin' AND users.disabled = 0
             AND (users.password IS NOT NULL OR users.oidc IS NOT NULL)",
        );
        counted.fetch_one(self.on()).await.and_then(|row| row.try_get(0)).map_err(failed)
    }

    /// Refuses a change after which nobody could do everything, where before it somebody could.
    pub(super) async fn check_admins(&mut self, before: i64) -> Result<()> {
        if before > 0 && self.admins().await? == 0 {
            let message = "this is the last admin of all operators, expected another one first";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        Ok(())
    }
}
