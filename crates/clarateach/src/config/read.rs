//! Values that the file holds as text.

use serde::Deserialize;

use crate::model::Cidr;

pub(super) fn cidr_from_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cidr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

pub(super) fn from_text<'de, D: serde::Deserializer<'de>, T: std::str::FromStr<Err = String>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

pub(super) fn cidrs_from_texts<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Cidr>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let networks = texts
        .iter()
        .map(|text| text.parse().map_err(serde::de::Error::custom));
    networks.collect::<Result<_, _>>().map(Some)
}
