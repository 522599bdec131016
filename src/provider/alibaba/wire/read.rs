//! Lenient reading: missing, `null` and `""` are one, numbers may stand where text is expected and the other way round.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor},
};
use serde_json::Value;

use super::{Interner, Members, Permission, RuleError, observed};
use crate::model::ObservedRule;

/// A permission as it was read, with the members that this program does not know. Texts without escapes are those of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The members that are known.
    pub known: Members<Cow<'a, str>>,
    /// The others, without those that are `null` or `""`.
    pub unknown: BTreeMap<Arc<str>, Value>,
}

impl<'de> Deserialize<'de> for Reading<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Reading<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object that describes a rule")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reading<'de>, A::Error> {
                let mut reading = Reading::default();
                while let Some(Name(name)) = map.next_key()? {
                    if name == "Priority" {
                        let Lent(text) = map.next_value()?;
                        reading.known.priority = priority(&text);
                    } else if let Some(slot) = reading.known.text_mut(&name) {
                        let Lent(text) = map.next_value()?;
                        *slot = text;
                    } else {
                        let value: Value = map.next_value()?;
                        if !value.is_null() && value != "" {
                            reading.unknown.insert(Arc::from(&*name), value);
                        }
                    }
                }
                Ok(reading)
            }
        }

        deserializer.deserialize_map(Each)
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reading::deserialize(deserializer).map(|reading| reading.known.into_owned())
    }
}

/// 0 for whatever is no priority, which is refused when the permission becomes a rule and can be named.
fn priority(text: &str) -> u8 {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().unwrap_or(0)
    } else {
        0
    }
}

/// Name of a member.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Plain;

        impl<'de> Visitor<'de> for Plain {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Plain)
    }
}

/// Text or a whole number; `null` is empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Lent::deserialize(deserializer).map(|Lent(text)| Self(text.into_owned()))
    }
}

/// As [`Text`], without a copy where the text is written without escapes.
struct Lent<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Lent<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;

        impl<'de> Visitor<'de> for AnyText {
            type Value = Lent<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a whole number")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Lent<'de>, E> {
                Ok(Lent(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Lent<'de>, E> {
                Ok(Lent(text.to_owned().into()))
            }

            fn visit_string<E>(self, text: String) -> Result<Lent<'de>, E> {
                Ok(Lent(text.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Lent<'de>, E> {
                Ok(Lent(number.to_string().into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Lent<'de>, E> {
                Ok(Lent(number.to_string().into()))
            }

            fn visit_unit<E>(self) -> Result<Lent<'de>, E> {
                Ok(Lent("".into()))
            }
        }

        deserializer.deserialize_any(AnyText)
    }
}

/// `true` and `"true"`; missing, `null` and `""` are false.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct AnyFlag;

    impl<'de> Visitor<'de> for AnyFlag {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E>(self, flag: bool) -> Result<bool, E> {
            Ok(flag)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
            match text {
                "true" => Ok(true),
                "false" | "" => Ok(false),
                _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
            }
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }
    }

    deserializer.deserialize_any(AnyFlag)
}

/// A list in the one-member object that the older actions wrap it in, `{"Permission": [..]}`, or bare. A missing
/// wrapper, `null` and an empty list are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut items = Vec::new();
        each(deserializer, &mut |item| items.push(item))?;
        Ok(Self(items))
    }
}

/// The rules of an answer, each made one as it is read; `Err`: why the first that is none is none.
#[derive(Debug)]
pub(super) struct Rules(pub(super) Result<Vec<ObservedRule>, RuleError>);

impl Default for Rules {
    fn default() -> Self {
        Self(Ok(Vec::new()))
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = Interner::default();
        let mut rules = Ok(Vec::new());
        each(deserializer, &mut |reading: Reading<'de>| {
            if let Ok(read) = &mut rules {
                match observed(reading, &mut texts) {
                    Ok(rule) => read.push(rule),
                    Err(error) => rules = Err(error),
                }
            }
        })?;
        Ok(Self(rules))
    }
}

/// Takes the items of a list, wrapped or bare, one by one.
fn each<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    take: &mut impl FnMut(T),
) -> Result<(), D::Error> {
    struct Wrapped<'f, T, F>(&'f mut F, std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Wrapped<'_, T, F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, perhaps in an object of one member")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            if map.next_key::<IgnoredAny>()?.is_some() {
                map.next_value_seed(self)?;
            }
            if map.next_key::<IgnoredAny>()?.is_some() {
                return Err(serde::de::Error::custom(
                    "a list is wrapped in an object of more than one member",
                ));
            }
            Ok(())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(item) = list.next_element()? {
                (self.0)(item);
            }
            Ok(())
        }

        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    }

    impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Wrapped<'_, T, F> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    deserializer.deserialize_any(Wrapped(take, std::marker::PhantomData))
}
