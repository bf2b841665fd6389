//! Site models: read, checked, drawn, written. What crosses is JSON: models are small, and told once.

use memcore::control::SiteModel;
use memcore::{SiteModelFormat, parse_site_model, read_site_model, write_site_model};
use napi_derive::napi;

use crate::error::{Result, ToNode, on_disk};

/// A site model that was read; it is not checked yet.
#[napi]
pub struct NativeSiteModel(SiteModel);

#[napi]
impl NativeSiteModel {
    /// Of a file: TOML or JSON.
    #[napi]
    pub async fn read(path: String) -> Result<Self> {
        on_disk(move || read_site_model(path)).await.map(Self)
    }

    /// Of the text of such a file.
    #[napi(factory, catch_unwind)]
    pub fn parse(text: String) -> Result<Self> {
        parse_site_model(&text, SiteModelFormat::of_text(&text)).map(Self).to_node()
    }

    /// What is odd about it; what is wrong is thrown, all of it.
    #[napi(catch_unwind)]
    pub fn check(&self) -> Result<Vec<String>> {
        self.0.check().map(|checked| checked.notices().to_vec()).to_node()
    }

    /// Circuits with what is on them.
    #[napi(catch_unwind)]
    pub fn tree(&self) -> String {
        self.0.tree()
    }

    /// As TOML.
    #[napi(catch_unwind)]
    pub fn toml(&self) -> Result<String> {
        write_site_model(&self.0, SiteModelFormat::Toml).to_node()
    }

    /// As JSON.
    #[napi(catch_unwind)]
    pub fn json(&self) -> Result<String> {
        write_site_model(&self.0, SiteModelFormat::Json).to_node()
    }
}
