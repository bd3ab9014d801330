//! The parameters of a node, as a file has them.

use std::collections::HashMap;

use thiserror::Error;
use toml::Value;

use crate::network::shape::MOST_NUMBERS;

/// A node's parameters. Those that were read are taken out of `rest`.
#[derive(Debug)]
pub struct Parameters<'a> {
    /// The sizes that have names.
    pub sizes: &'a HashMap<String, usize>,
    /// How many axes the first input has: a negative axis counts from its end.
    pub axes: usize,
    /// The parameters that were not read yet.
    pub rest: toml::Table,
}

/// Why a parameter cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ParameterError {
    #[error("it needs `{parameter}`, {expected}")]
    Expected { parameter: &'static str, expected: String },
    #[error("no size is named `{size}`")]
    NoSuchSize { size: String },
}

impl Parameters<'_> {
    /// The error of a parameter that is not what was expected.
    pub fn fault(&self, parameter: &'static str, expected: &str) -> ParameterError {
        ParameterError::Expected { parameter, expected: expected.into() }
    }

    /// A number.
    ///
    /// # Errors
    /// It is missing without a default, or is no number; so with the others.
    pub fn number(&mut self, parameter: &'static str, default: Option<f64>) -> Result<f64, ParameterError> {
        match (self.rest.remove(parameter), default) {
            (Some(Value::Float(number)), _) => Ok(number),
            (Some(Value::Integer(number)), _) => Ok(number as f64),
            (None, Some(default)) => Ok(default),
            _ => Err(self.fault(parameter, "a number")),
        }
    }

    /// True or false.
    pub fn flag(&mut self, parameter: &'static str, default: bool) -> Result<bool, ParameterError> {
        match self.rest.remove(parameter) {
            Some(Value::Boolean(flag)) => Ok(flag),
            None => Ok(default),
            _ => Err(self.fault(parameter, "true or false")),
        }
    }

    /// A size below the limit, or what was expected.
    fn as_size(&self, parameter: &'static str, value: Value, expected: &str) -> Result<usize, ParameterError> {
        let size = match value {
            Value::Integer(number) => usize::try_from(number).ok(),
            Value::String(name) => {
                let size = self.sizes.get(&name).copied();
                Some(size.ok_or(ParameterError::NoSuchSize { size: name })?)
            }
            _ => None,
        };
        let fits = size.filter(|&size| size <= MOST_NUMBERS);
        fits.ok_or_else(|| {
            self.fault(parameter, &format!("{expected} from 0 to {MOST_NUMBERS}, or the name of a size"))
        })
    }

    /// A size, by its number or its name.
    pub fn size(&mut self, parameter: &'static str, default: Option<usize>) -> Result<usize, ParameterError> {
        const EXPECTED: &str = "a whole number";
        match (self.rest.remove(parameter), default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.fault(parameter, EXPECTED)),
            (Some(value), _) => self.as_size(parameter, value, EXPECTED),
        }
    }

    /// Several sizes; one of them needs no list.
    pub fn sizes_of(&mut self, parameter: &'static str) -> Result<Vec<usize>, ParameterError> {
        const EXPECTED: &str = "a list of whole numbers";
        match self.rest.remove(parameter) {
            Some(Value::Array(values)) => {
                values.into_iter().map(|value| self.as_size(parameter, value, EXPECTED)).collect()
            }
            Some(value @ (Value::Integer(_) | Value::String(_))) => Ok(vec![self.as_size(parameter, value, EXPECTED)?]),
            _ => Err(self.fault(parameter, EXPECTED)),
        }
    }

    /// An axis, from the first or, where negative, from the last one.
    pub fn axis(&mut self, parameter: &'static str) -> Result<usize, ParameterError> {
        if let Some(value) = self.rest.remove(parameter) {
            let value = self.counted(value);
            self.rest.insert(parameter.into(), value);
        }
        self.size(parameter, None)
    }

    /// Several axes; one of them needs no list.
    pub fn axes_of(&mut self, parameter: &'static str) -> Result<Vec<usize>, ParameterError> {
        if let Some(value) = self.rest.remove(parameter) {
            let value = match value {
                Value::Array(values) => Value::Array(values.into_iter().map(|value| self.counted(value)).collect()),
                value => self.counted(value),
            };
            self.rest.insert(parameter.into(), value);
        }
        self.sizes_of(parameter)
    }

    fn counted(&self, value: Value) -> Value {
        match value {
            Value::Integer(axis) if axis < 0 => Value::Integer(axis + self.axes as i64),
            value => value,
        }
    }
}
