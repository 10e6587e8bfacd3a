//! How answers are read: as JSON by `serde_json`, but structures only from objects, as our server writes them.
//!
//! `serde_json` also takes an array for a structure, its values in the order of the fields. It never comes, but the compiler can't know: each kind of
//! answer would be read by two pieces of code, of which one is never used, and reading is a fifth of the browser's half. So everything is passed on
//! as it is, but for the question for a structure, which becomes one for an object.

use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Reads a value.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(FromObjects(&mut reader))?;
    reader.end()?;
    Ok(value)
}

/// Passes on what it wraps: the reader, who is told what was read, and what stands in between.
struct FromObjects<T>(T);

/// Questions that are passed on as they are.
macro_rules! pass_on {
    ($($question:ident)+) => {
        $(
            #[inline]
            fn $question<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
                self.0.$question(FromObjects(visitor))
            }
        )+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for FromObjects<D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq deserialize_map deserialize_identifier
        deserialize_ignored_any
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(FromObjects(visitor))
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, FromObjects(visitor))
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, FromObjects(visitor))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, FromObjects(visitor))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, length, FromObjects(visitor))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, FromObjects(visitor))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Values that are passed on as they are.
macro_rules! hand_over {
    ($($value:ident($kind:ty))+) => {
        $(
            #[inline]
            fn $value<E: Error>(self, value: $kind) -> Result<V::Value, E> {
                self.0.$value(value)
            }
        )+
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for FromObjects<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    hand_over! {
        visit_bool(bool) visit_i64(i64) visit_i128(i128) visit_u64(u64) visit_u128(u128) visit_f64(f64) visit_char(char) visit_str(&str)
        visit_borrowed_str(&'de str) visit_string(String) visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(FromObjects(reader))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(FromObjects(reader))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(FromObjects(values))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(FromObjects(entries))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(FromObjects(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for FromObjects<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(FromObjects(reader))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for FromObjects<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(FromObjects(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for FromObjects<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(FromObjects(seed))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(FromObjects(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for FromObjects<A> {
    type Error = A::Error;
    type Variant = FromObjects<A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(FromObjects(seed))?;
        Ok((value, FromObjects(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for FromObjects<A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(FromObjects(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, FromObjects(visitor))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        self.0.newtype_variant_seed(Object(visitor))
    }
}

/// The fields of a variant.
struct Object<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Object<V> {
    type Value = V::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        reader.deserialize_map(FromObjects(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::error::HubError;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::error::AppError;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        One(i64),
        Two(u8, f64),
        Named { name: Option<String>, of: Vec<Shape> },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged {
        Empty,
        Full {
            shape: Shape,
            #[serde(default)]
            more: u32,
        },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct All {
        shapes: Vec<Shape>,
        tagged: [Tagged; 2],
        map: BTreeMap<String, (bool, char)>,
        text: String,
        nothing: (),
    }

    #[test]
    fn whatever_is_written_is_read_again() -> Result<(), serde_json::Error> {
        let named = Shape::Named { name: Some("a \"b\" \u{1f600}".to_owned()), of: vec![Shape::One(-3)] };
        let all = All {
            shapes: vec![Shape::Nothing, Shape::Two(7, 0.5), named.clone()],
            tagged: [Tagged::Empty, Tagged::Full { shape: named, more: 9 }],
            map: BTreeMap::from([("key".to_owned(), (true, 'é'))]),
            text: "text".to_owned(),
            nothing: (),
        };
        assert_eq!(read::<All>(&serde_json::to_vec(&all)?)?, all);
        let error = AppError::Hub(HubError::invalid("name", "Say a name."));
        assert_eq!(read::<AppError>(&serde_json::to_vec(&error)?)?, error);
        assert!(read::<All>(b"{}").is_err(), "what lacks is missed");
        assert!(read::<Shape>(br#"{"Named": [null, []]}"#).is_err(), "an array is no structure");
        assert!(read::<u8>(b"1 2").is_err(), "nothing may follow");
        Ok(())
    }
}
