//! The appliances of a household: each runs through its phases once it has been started.

use super::random::RandomStream;

/// A stretch of an appliance's programme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    minutes: f64,
    watts: f64,
}

const fn phase(minutes: f64, watts: f64) -> Phase {
    Phase { minutes, watts }
}

/// When people start an appliance: how often in a day, within which local hours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habit {
    workday: f64,
    weekend: f64,
    from: f64,
    to: f64,
}

const fn habit(workday: f64, weekend: f64, from: f64, to: f64) -> Habit {
    Habit { workday, weekend, from, to }
}

impl Habit {
    /// Expected starts a second.
    fn rate(&self, hour: f64, weekend: bool) -> f64 {
        if hour < self.from || hour >= self.to {
            return 0.0;
        }
        let times = if weekend { self.weekend } else { self.workday };
        times / ((self.to - self.from) * 3600.0)
    }
}

/// What can stand in a household.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApplianceKind {
    phases: &'static [Phase],
    /// None: it starts again by itself, as a fridge does.
    habits: Option<&'static [Habit]>,
}

pub(crate) const FRIDGE: ApplianceKind = ApplianceKind { phases: &[phase(16.0, 95.0), phase(34.0, 2.0)], habits: None };
pub(crate) const KETTLE: ApplianceKind = ApplianceKind {
    phases: &[phase(3.0, 2_100.0)],
    habits: Some(&[habit(1.2, 1.0, 6.0, 9.0), habit(1.5, 3.0, 9.0, 21.0)]),
};
pub(crate) const WASHING_MACHINE: ApplianceKind = ApplianceKind {
    phases: &[phase(4.0, 60.0), phase(16.0, 2_050.0), phase(45.0, 130.0), phase(18.0, 90.0), phase(9.0, 480.0)],
    habits: Some(&[habit(0.4, 0.9, 9.0, 19.0)]),
};
pub(crate) const DISHWASHER: ApplianceKind = ApplianceKind {
    phases: &[phase(6.0, 50.0), phase(16.0, 1_950.0), phase(50.0, 75.0), phase(13.0, 1_950.0), phase(25.0, 15.0)],
    habits: Some(&[habit(0.7, 0.9, 18.5, 22.5)]),
};
pub(crate) const OVEN: ApplianceKind = ApplianceKind {
    phases: &[
        phase(10.0, 2_600.0),
        phase(3.0, 40.0),
        phase(2.0, 2_600.0),
        phase(4.0, 40.0),
        phase(2.0, 2_600.0),
        phase(4.0, 40.0),
        phase(2.0, 2_600.0),
        phase(4.0, 40.0),
        phase(2.0, 2_600.0),
        phase(5.0, 40.0),
    ],
    habits: Some(&[habit(0.15, 0.5, 11.0, 13.5), habit(0.5, 0.5, 17.0, 20.0)]),
};

/// One appliance with its own size, at some place in its programme.
#[derive(Debug, Clone)]
pub(crate) struct Appliance {
    kind: ApplianceKind,
    /// This one against the usual one, in power and in time.
    power_scale: f64,
    time_scale: f64,
    /// The phase it is in and the seconds left of it.
    running: Option<(usize, f64)>,
}

impl Appliance {
    pub(crate) fn new(kind: ApplianceKind, stream: &mut RandomStream) -> Self {
        let (power_scale, time_scale) = (stream.uniform(0.85, 1.15), stream.uniform(0.8, 1.25));
        let mut appliance = Self { kind, power_scale, time_scale, running: None };
        if kind.habits.is_none() {
            appliance.start();
            // Fridges of a street do not run in step.
            let minutes: f64 = kind.phases.iter().map(|phase| phase.minutes).sum();
            appliance.run(stream.uniform(0.0, minutes) * 60.0 * time_scale);
        }
        appliance
    }

    /// Perhaps starts, as people do at that hour; then runs for the step. Returns the joules drawn.
    pub(crate) fn step(&mut self, seconds: f64, hour: f64, weekend: bool, stream: &mut RandomStream) -> f64 {
        if let (None, Some(habits)) = (self.running, self.kind.habits) {
            let rate: f64 = habits.iter().map(|habit| habit.rate(hour, weekend)).sum();
            if rate > 0.0 && stream.happens(1.0 - libm::exp(-rate * seconds)) {
                self.start();
            }
        }
        self.run(seconds)
    }

    fn start(&mut self) {
        self.running = Some((0, self.seconds_of(0)));
    }

    fn seconds_of(&self, phase: usize) -> f64 {
        self.kind.phases[phase].minutes * 60.0 * self.time_scale
    }

    /// Runs through as many phases as fit, so that a long step draws what many short ones draw.
    fn run(&mut self, seconds: f64) -> f64 {
        let (mut left, mut joules) = (seconds, 0.0);
        while let Some((phase, remaining)) = self.running {
            let spent = remaining.min(left);
            joules += spent * self.kind.phases[phase].watts * self.power_scale;
            left -= spent;
            if left <= 0.0 && spent < remaining {
                self.running = Some((phase, remaining - spent));
                break;
            }
            self.running = match (phase + 1, self.kind.habits) {
                (next, _) if next < self.kind.phases.len() => Some((next, self.seconds_of(next))),
                (_, None) => Some((0, self.seconds_of(0))),
                (_, Some(_)) => None,
            };
        }
        joules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fridge_draws_the_same_energy_in_seconds_and_in_quarter_hours() {
        let fridge = Appliance::new(FRIDGE, &mut RandomStream::new(1, "fridge"));
        let energy = |seconds: f64| {
            let mut fridge = fridge.clone();
            let steps = (86_400.0 / seconds) as usize;
            (0..steps).map(|_| fridge.run(seconds)).sum::<f64>() / 3600.0
        };
        let (short, long) = (energy(1.0), energy(900.0));
        assert!((short - long).abs() < 1e-6 * short, "{short} Wh against {long} Wh");
        assert!((400.0..1200.0).contains(&short), "{short} Wh a day");
    }

    #[test]
    fn a_washing_machine_heats_then_spins_then_stops() {
        let mut machine = Appliance::new(WASHING_MACHINE, &mut RandomStream::new(2, "washing"));
        assert_eq!(machine.run(60.0), 0.0);
        machine.start();
        let minutes: Vec<f64> = (0..200).map(|_| machine.run(60.0) / 60.0).collect();
        let peak = minutes.iter().position(|watts| *watts > 1_500.0).unwrap();
        let spin = minutes.iter().rposition(|watts| *watts > 350.0).unwrap();
        assert!(peak < 15 && spin > 60, "heats in minute {peak}, spins until {spin}");
        assert_eq!(minutes.last(), Some(&0.0));
    }
}
