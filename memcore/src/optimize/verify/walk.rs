//! The verifier's way through a schedule: every rule of every part in every step, each miss in W or Wh against a stated tolerance.

use crate::error::{Error, ErrorKind, Result};
use crate::optimize::checked::Checked;
use crate::optimize::{Quantity, Schedule, words};

/// A miss of less than this many W or Wh is no fault, however small the numbers around it. Solvers of linear programs keep their rows
/// to 1e-7 of a kW, and each number of a schedule takes part in a few rows.
const ABSOLUTE: f64 = 1e-3;
/// Nor is a miss of less than this share of the numbers around it.
const RELATIVE: f64 = 1e-6;

/// A miss of less than this many W or Wh is what numbers of this length come with: it is told, but not where it is.
const ROUNDING: f64 = 1e-9;

/// The miss that is no fault among numbers of a size, in W or Wh.
pub(super) fn tolerance(size: f64) -> f64 {
    ABSOLUTE + RELATIVE * size.abs()
}

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Owner {
    Part(usize),
    Bus(usize),
}

/// A miss: of which rule, where, by how much.
#[derive(Debug, Clone, Copy)]
struct Miss {
    owner: Owner,
    rule: &'static str,
    step: usize,
    by: f64,
}

/// A schedule on its way through the rules of its site.
pub(super) struct Walk<'a> {
    pub(super) checked: &'a Checked<'a>,
    pub(super) schedule: &'a Schedule,
    largest: Option<Miss>,
    fault: Option<Miss>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(checked: &'a Checked<'a>, schedule: &'a Schedule) -> Self {
        Self { checked, schedule, largest: None, fault: None }
    }

    pub(super) fn column(&self, part: usize, quantity: Quantity) -> &'a [f64] {
        self.schedule.column(part, quantity)
    }

    pub(super) fn steps(&self) -> usize {
        self.checked.steps()
    }

    /// In every step of a range the miss, which comes with the size of the numbers around it, is none.
    pub(super) fn hold_in(
        &mut self,
        steps: std::ops::Range<usize>,
        owner: Owner,
        rule: &'static str,
        miss: impl Fn(usize) -> (f64, f64),
    ) {
        let mut worst = (0.0, usize::MAX);
        for step in steps {
            let (by, size) = miss(step);
            if by > worst.0 {
                worst = (by, step);
            }
            // What is no number is within no tolerance.
            let kept = by <= tolerance(size);
            if !kept {
                self.break_rule(owner, rule, step, by);
                return;
            }
        }
        if worst.0 > self.largest.map_or(0.0, |largest| largest.by) {
            self.largest = Some(Miss { owner, rule, step: worst.1, by: worst.0 });
        }
    }

    /// In every step.
    pub(super) fn hold(&mut self, owner: Owner, rule: &'static str, miss: impl Fn(usize) -> (f64, f64)) {
        self.hold_in(0..self.steps(), owner, rule, miss);
    }

    /// A rule without a measure: kept or broken.
    pub(super) fn must(&mut self, owner: Owner, rule: &'static str, step: usize, kept: bool) {
        if !kept {
            self.break_rule(owner, rule, step, f64::NAN);
        }
    }

    fn break_rule(&mut self, owner: Owner, rule: &'static str, step: usize, by: f64) {
        self.fault.get_or_insert(Miss { owner, rule, step, by });
    }

    /// The largest miss within tolerance, and where it is unless it is mere rounding.
    ///
    /// # Errors
    /// Internal where a rule is broken, naming the first one.
    pub(super) fn end(self) -> Result<(f64, String)> {
        if let Some(fault) = self.fault {
            return Err(Error::new(ErrorKind::Internal, format!("the plan breaks a rule: {}", self.text(fault))));
        }
        let largest = self.largest.map_or(0.0, |largest| largest.by);
        let named = self.largest.filter(|miss| miss.by > ROUNDING);
        Ok((largest, named.map(|miss| self.text(miss)).unwrap_or_default()))
    }

    fn text(&self, miss: Miss) -> String {
        let owner = match miss.owner {
            Owner::Part(part) => self.checked.part_name(part),
            Owner::Bus(bus) => self.checked.buses[bus],
        };
        let at = words::step(&self.checked.site.horizon, miss.step);
        if miss.by.is_nan() {
            return format!("{owner}: {} in {at}", miss.rule);
        }
        format!("{owner}: {} by {} in {at}", miss.rule, words::number(miss.by))
    }
}
