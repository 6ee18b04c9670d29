//! Money in JSON: a plain decimal number, made from and parsed through its text, never a float.

use std::borrow::Cow;

use actors::vocabulary::{Multiplier, Nanos, Price};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A number of USD with at most 9 decimals; inside an amount of [`Nanos`] (or what it is made from).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(pub Nanos);

impl From<Nanos> for Usd {
    fn from(nanos: Nanos) -> Self {
        Self(nanos)
    }
}

impl From<Price> for Usd {
    fn from(price: Price) -> Self {
        Self(Nanos(price.0))
    }
}

impl From<Multiplier> for Usd {
    fn from(multiplier: Multiplier) -> Self {
        Self(Nanos(multiplier.0))
    }
}

impl From<Usd> for Price {
    fn from(usd: Usd) -> Self {
        Self(usd.0.0)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        text.get().parse().map(Self).map_err(|error| D::Error::custom(format!("an amount in USD is needed: {error}")))
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "description": "USD, at most 9 decimals", "examples": [0.000_123] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_goes_through_json_by_its_text() {
        let read = |text: &str| serde_json::from_str::<Usd>(text).map(|usd| usd.0.0);
        assert_eq!(read("200.000005").unwrap(), 200_000_005_000);
        assert_eq!(read("9007199.254740993").unwrap(), 9_007_199_254_740_993);
        assert!(read("\"1\"").is_err());
        assert!(read("0.0000000001").is_err());
        assert_eq!(serde_json::to_string(&Usd(Nanos(9_007_199_254_740_993))).unwrap(), "9007199.254740993");
        assert_eq!(serde_json::to_string(&[Some(Usd(Nanos(-1)))]).unwrap(), "[-0.000000001]");
    }
}
