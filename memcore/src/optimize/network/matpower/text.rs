//! The text of a MATPOWER case: assignments of numbers, texts and matrices to fields of a struct. What MATLAB would have to compute
//! is refused with its line.

use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, Result};

/// `mpc.name = value`.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What may stand on the right.
#[derive(Debug)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Matrix(Vec<Row>),
    /// A cell array: names of buses and the like, which are not read.
    Cells,
}

/// A row of a matrix, with the line where it begins.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) numbers: Vec<f64>,
}

/// Every field of the case, in the order of the text.
pub(super) fn fields(text: &str) -> Result<Vec<Field>> {
    let tokens = tokens(text)?;
    Parser { tokens: &tokens, at: 0 }.fields()
}

#[derive(Debug, PartialEq)]
enum Token {
    /// A name, a number or a keyword.
    Word(String),
    Text(String),
    Symbol(char),
    LineEnd,
}

const SYMBOLS: &str = "=[]{}();,";

fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut tokens = Vec::new();
    let mut in_comment = false;
    for (at, line) in text.lines().enumerate() {
        match line.trim() {
            "%{" => in_comment = true,
            "%}" => in_comment = false,
            _ if !in_comment => tokens_of_line(line, at + 1, &mut tokens)?,
            _ => {}
        }
    }
    Ok(tokens)
}

fn tokens_of_line(line: &str, number: usize, tokens: &mut Vec<(usize, Token)>) -> Result<()> {
    let mut rest = line.chars().peekable();
    while let Some(&next) = rest.peek() {
        let token = match next {
            '%' => break,
            '\'' | '"' => Token::Text(quoted(&mut rest, number)?),
            _ if next.is_whitespace() => {
                rest.next();
                continue;
            }
            _ if SYMBOLS.contains(next) => Token::Symbol(rest.next().unwrap_or(next)),
            _ => Token::Word(word(&mut rest)),
        };
        // Three dots carry a statement on to the next line.
        if token == Token::Word("...".to_owned()) {
            return Ok(());
        }
        tokens.push((number, token));
    }
    tokens.push((number, Token::LineEnd));
    Ok(())
}

fn word(rest: &mut Peekable<Chars<'_>>) -> String {
    let ends = |c: char| c.is_whitespace() || SYMBOLS.contains(c) || "%'\"".contains(c);
    std::iter::from_fn(|| rest.next_if(|c| !ends(*c))).collect()
}

/// A quoted text, in which a doubled quote stands for one.
fn quoted(rest: &mut Peekable<Chars<'_>>, line: usize) -> Result<String> {
    let quote = rest.next();
    let mut text = String::new();
    while let Some(next) = rest.next() {
        let closes = Some(next) == quote && rest.next_if(|c| Some(*c) == quote).is_none();
        if closes {
            return Ok(text);
        }
        text.push(next);
    }
    Err(refused(line, format!("the text {text:?} is not closed on its line")))
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
}

impl<'a> Parser<'a> {
    fn fields(mut self) -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        let mut prefix = "mpc.".to_owned();
        while let Some((line, token)) = self.next() {
            match token {
                Token::LineEnd | Token::Symbol(';' | ',') => {}
                Token::Word(word) if word == "function" => {
                    if let Some((_, Token::Word(name))) = self.next() {
                        prefix = format!("{name}.");
                    }
                    self.skip_line();
                }
                Token::Word(word) if matches!(word.as_str(), "end" | "return") => {}
                Token::Word(word) if self.peek() == Some(&Token::Symbol('=')) && word.starts_with(&prefix) => {
                    self.next();
                    let name = word[prefix.len()..].to_owned();
                    let value = self.value(&name, line)?;
                    fields.push(Field { name, line, value });
                }
                token => {
                    let shown = shown(token);
                    return Err(refused(
                        line,
                        format!("{shown} begins no `{prefix}field = value`; computations are not read"),
                    ));
                }
            }
        }
        Ok(fields)
    }

    fn value(&mut self, name: &str, line: usize) -> Result<Value> {
        let value = match self.next() {
            Some((line, Token::Word(word))) => Value::Number(number(word, line, name)?),
            Some((_, Token::Text(text))) => Value::Text(text.clone()),
            Some((line, Token::Symbol('['))) => Value::Matrix(self.rows(name, line)?),
            Some((line, Token::Symbol('{'))) => self.cells(name, line)?,
            _ => return Err(refused(line, format!("{name} has no value, expected a number, a text or a matrix"))),
        };
        match self.next() {
            None | Some((_, Token::LineEnd | Token::Symbol(';' | ','))) => Ok(value),
            Some((line, token)) => {
                Err(refused(line, format!("{} follows the value of {name}; computations are not read", shown(token))))
            }
        }
    }

    fn rows(&mut self, name: &str, opened: usize) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut row = Row { line: opened, numbers: Vec::new() };
        while let Some((line, token)) = self.next() {
            match token {
                Token::Word(word) => {
                    if row.numbers.is_empty() {
                        row.line = line;
                    }
                    row.numbers.push(number(word, line, name)?);
                }
                Token::Symbol(',') => {}
                Token::LineEnd | Token::Symbol(';' | ']') => {
                    if !row.numbers.is_empty() {
                        rows.push(std::mem::replace(&mut row, Row { line, numbers: Vec::new() }));
                    }
                    if *token == Token::Symbol(']') {
                        return Ok(rows);
                    }
                }
                token => return Err(refused(line, format!("{} stands in {name}, expected a number", shown(token)))),
            }
        }
        Err(refused(opened, format!("the matrix {name} is not closed by ]")))
    }

    fn cells(&mut self, name: &str, opened: usize) -> Result<Value> {
        while let Some((_, token)) = self.next() {
            if *token == Token::Symbol('}') {
                return Ok(Value::Cells);
            }
        }
        Err(refused(opened, format!("the cells of {name} are not closed by }}")))
    }

    fn next(&mut self) -> Option<(usize, &'a Token)> {
        let (line, token) = self.tokens.get(self.at)?;
        self.at += 1;
        Some((*line, token))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn skip_line(&mut self) {
        while let Some((_, token)) = self.next() {
            if *token == Token::LineEnd {
                return;
            }
        }
    }
}

/// A number as MATLAB writes it; `Inf` and `-Inf` are numbers, `NaN` is none.
fn number(word: &str, line: usize, name: &str) -> Result<f64> {
    let parsed = match word {
        "Inf" | "+Inf" | "inf" => Some(f64::INFINITY),
        "-Inf" | "-inf" => Some(f64::NEG_INFINITY),
        // `1e3` and `+5` are numbers; the words that Rust takes for numbers (`infinity`, `nan`) are none.
        _ if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => word.parse().ok(),
        _ => None,
    };
    match parsed.filter(|value: &f64| !value.is_nan() && (value.is_finite() || word.contains("nf"))) {
        Some(value) => Ok(value),
        None => Err(refused(line, format!("{word} stands in {name}, expected a number"))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("`{word}`"),
        Token::Text(text) => format!("{text:?}"),
        Token::Symbol(symbol) => format!("`{symbol}`"),
        Token::LineEnd => "the end of the line".to_owned(),
    }
}

/// What is wrong in a line of the case.
pub(super) fn refused(line: usize, what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("line {line}: {what}"))
}
