//! How the words of the model stand in the description of the API.

use std::borrow::Cow;

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Object, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::model::{ChannelName, CommandId, Name, SeriesName, Span, Timestamp};

fn text(about: &str, pattern: &str, longest: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about)).pattern(Some(pattern));
    Schema::from(text.min_length(Some(1)).max_length(Some(longest))).into()
}

fn micros(about: &str) -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    let number: Object =
        ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).description(Some(about)).build();
    Schema::from(number).into()
}

macro_rules! written {
    ($($type:ty, $name:literal => $schema:expr;)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }
        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    )*};
}

written! {
    Name, "Name" => text("1 to 64 of A-Z a-z 0-9 _ -", "^[A-Za-z0-9_-]+$", 64);
    ChannelName, "ChannelName" => text("Names joined by dots: power, node3.power", "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$", 128);
    CommandId, "CommandId" => text("1 to 64 of A-Z a-z 0-9 _ -", "^[A-Za-z0-9_-]+$", 64);
    SeriesName, "SeriesName" => text(
        "home1.battery.power; of another operator than local acme/home1.battery.power",
        "^([A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+){2,}$",
        323
    );
    Timestamp, "Timestamp" => micros("An instant in microseconds since 1970-01-01T00:00:00Z");
    Span, "Span" => micros("A length of time in microseconds");
}
