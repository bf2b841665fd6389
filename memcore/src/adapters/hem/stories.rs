//! Stories of a poller and a board, in virtual time: what is lost, late, doubled or never there.

use std::collections::VecDeque;
use std::time::Duration;

use super::endpoint::{BoardView, answer};
use super::message::{HemQuantity, NODES, NodeValues, Nodes, Reply, Request};
use super::poll::{Discovery, PollEvent, PollSettings, Poller, SwitchOutcome};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A board of the simplest kind: its powers count up, so that each answer is another.
struct Board {
    on: [bool; NODES],
    readings: f64,
    knows: Vec<HemQuantity>,
    /// Its relays do not move.
    stuck: bool,
}

impl BoardView for Board {
    fn values(&self, quantity: HemQuantity) -> Option<NodeValues> {
        self.knows.contains(&quantity).then(|| match quantity {
            HemQuantity::NodeStatus => self.on.map(|on| Some(f64::from(u8::from(on)))),
            _ => [Some(self.readings); NODES],
        })
    }
}

/// A poller, a board, and what the network does to the datagrams between them: each answer takes its turn in `weather`.
struct Scene {
    now: Duration,
    poller: Poller,
    board: Board,
    sent: Vec<(Duration, String)>,
    /// For each datagram that the poller sends: when its answers arrive, after it; none where one of the two was lost.
    weather: VecDeque<Vec<u64>>,
    /// A lost request does not reach the board; a lost answer does.
    requests_lost: VecDeque<bool>,
    flying: Vec<(Duration, Vec<u8>)>,
    events: Vec<(Duration, PollEvent)>,
}

impl Scene {
    fn new(quantities: &[HemQuantity]) -> Self {
        let settings = PollSettings { quantities: quantities.to_vec(), ..PollSettings::default() };
        settings.check().unwrap();
        let board = Board { on: [false; NODES], readings: 0.0, knows: HemQuantity::ALL.to_vec(), stuck: false };
        Self {
            now: Duration::ZERO,
            poller: Poller::new(settings, Duration::ZERO),
            board,
            sent: Vec::new(),
            weather: VecDeque::new(),
            requests_lost: VecDeque::new(),
            flying: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Of the datagrams to come: in how many milliseconds their answers arrive, each once, twice or never.
    fn weather(&mut self, answers: &[&[u64]]) {
        self.weather.extend(answers.iter().map(|delays| delays.to_vec()));
    }

    fn run_until(&mut self, end: u64) {
        while self.now <= ms(end) {
            self.step();
            let next = self.flying.iter().map(|(at, _)| *at).chain([self.poller.deadline()]).min().unwrap();
            assert!(next > self.now || self.poller.deadline() > self.now, "the poller spins at {:?}", self.now);
            self.now = next.max(self.now + Duration::from_micros(1));
        }
        self.now = ms(end);
    }

    fn step(&mut self) {
        let now = self.now;
        let (arrived, flying) = std::mem::take(&mut self.flying).into_iter().partition(|(at, _)| *at <= now);
        self.flying = flying;
        arrived.iter().for_each(|(_, bytes)| self.poller.receive(now, bytes));
        self.poller.handle_timeout(now);
        while let Some(request) = self.poller.transmit(now) {
            self.sent.push((now, request.to_string()));
            self.carry(request);
        }
        while let Some(event) = self.poller.event() {
            self.events.push((now, event));
        }
    }

    fn carry(&mut self, request: Request) {
        let delays = self.weather.pop_front().unwrap_or_else(|| vec![5]);
        if self.requests_lost.pop_front().unwrap_or(false) {
            return;
        }
        match request {
            Request::Switch { .. } if self.board.stuck => {}
            Request::Switch { nodes, on } => {
                (0..NODES).filter(|node| nodes.contains(*node)).for_each(|node| self.board.on[node] = on);
            }
            Request::Read(..) => self.board.readings += 1.0,
        }
        let Some(reply) = answer(request, &self.board) else { return };
        let bytes = reply.to_text().into_bytes();
        self.flying.extend(delays.iter().map(|delay| (self.now + ms(*delay), bytes.clone())));
    }

    /// The powers that were taken, by when.
    fn powers(&self) -> Vec<(u64, f64)> {
        let taken = self.events.iter().filter_map(|(at, event)| match event {
            PollEvent::Values(HemQuantity::DcPower, values) => Some((at.as_millis() as u64, values[0].unwrap())),
            _ => None,
        });
        taken.collect()
    }

    fn outcomes(&self) -> Vec<SwitchOutcome> {
        let ended = self.events.iter().filter_map(|(_, event)| match event {
            PollEvent::Switched { outcome, .. } => Some(*outcome),
            _ => None,
        });
        ended.collect()
    }

    fn told(&self, what: PollEvent) -> usize {
        self.events.iter().filter(|(_, event)| *event == what).count()
    }

    fn sent_of(&self, text: &str) -> usize {
        self.sent.iter().filter(|(_, request)| request == text).count()
    }
}

#[test]
fn a_round_asks_one_thing_after_the_other_and_comes_each_second() {
    let mut scene = Scene::new(&HemQuantity::ALL);
    scene.run_until(1990);
    let verbs: Vec<&str> = scene.sent.iter().map(|(_, text)| text.split('/').nth(1).unwrap()).collect();
    let round = [
        "getdcpower",
        "getdcvoltage",
        "getdccurrent",
        "getdcenergy",
        "getdccharge",
        "getacpoweractive",
        "getacvoltage",
        "getnodestatus",
    ];
    assert_eq!(verbs, [round, round].concat());
    assert_eq!(scene.sent[8].0, ms(1000), "the second round keeps the grid, whatever the first one took");
    assert_eq!(scene.told(PollEvent::RoundEnded), 2);
}

#[test]
fn only_one_request_is_on_its_way() {
    let mut scene = Scene::new(&[HemQuantity::DcPower, HemQuantity::DcVoltage]);
    scene.weather(&[&[200]]);
    scene.run_until(199);
    assert_eq!(scene.sent.len(), 1);
    scene.run_until(210);
    assert_eq!(scene.sent.len(), 2);
}

#[test]
fn a_lost_answer_costs_a_pause_and_is_asked_for_again() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.weather(&[&[]]);
    scene.run_until(900);
    let times: Vec<Duration> = scene.sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [ms(0), ms(500)], "250 ms for the answer, 250 ms of silence");
    assert_eq!(scene.powers(), [(505, 2.0)]);
    assert_eq!(scene.poller.counts().lost, 1);
}

#[test]
fn a_late_answer_is_the_answer_to_the_one_open_question() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.weather(&[&[400]]);
    scene.run_until(990);
    assert_eq!(scene.powers(), [(400, 1.0)]);
    assert_eq!((scene.sent.len(), scene.poller.counts().late), (1, 1), "it is not asked for again");
}

#[test]
fn a_copy_is_not_the_answer_to_another_question() {
    let mut scene = Scene::new(&[HemQuantity::DcPower, HemQuantity::DcVoltage]);
    // The power's answer comes twice: at once, and while the answer of the voltage is awaited.
    scene.weather(&[&[5, 50], &[100]]);
    scene.run_until(1500);
    assert_eq!(scene.powers(), [(5, 1.0), (1005, 3.0)]);
    assert_eq!(scene.poller.counts().stray, 1);
}

#[test]
fn an_answer_of_one_node_or_of_another_type_is_not_the_answer_for_all() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.weather(&[&[200]]);
    scene.run_until(10);
    for text in [
        r#"{"NODE":"3","TYPE":"DCPOWER","VALUE":[9]}"#,
        r#"{"NODE":"ALL","TYPE":"DCVOLTAGE","VALUE":[9,9,9,9,9,9,9,9]}"#,
        r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[9,9,9"#,
    ] {
        scene.poller.receive(ms(10), text.as_bytes());
    }
    scene.run_until(300);
    assert_eq!(scene.powers(), [(200, 1.0)]);
    assert_eq!((scene.poller.counts().stray, scene.poller.counts().unreadable), (2, 1));
}

#[test]
fn a_board_that_is_away_is_told_once_tried_ever_less_often_and_welcomed_back() {
    let mut scene = Scene::new(&[HemQuantity::DcPower, HemQuantity::NodeStatus]);
    scene.run_until(900);
    let away: Vec<&[u64]> = vec![&[]; 12];
    scene.weather(&away);
    scene.run_until(600_000);
    assert_eq!((scene.told(PollEvent::Away), scene.told(PollEvent::Back)), (1, 1));
    let gaps: Vec<u64> = scene.sent[..14].windows(2).map(|pair| (pair[1].0 - pair[0].0).as_millis() as u64).collect();
    // Two questions of the first round; then four without an answer; then pauses that double up to 30 s.
    assert_eq!(gaps[1..], [995, 500, 500, 500, 1500, 2500, 4500, 8500, 16_500, 30_500, 30_500, 30_500]);
    assert!(scene.powers().len() > 400, "it is polled each second again");
    assert!(!scene.poller.is_away());
}

#[test]
fn a_switch_is_done_when_the_board_reads_it_back() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.run_until(100);
    scene.poller.switch(ms(100), 3, true).unwrap();
    scene.run_until(150);
    assert_eq!(scene.outcomes(), [SwitchOutcome::Confirmed]);
    let last: Vec<&str> = scene.sent.iter().skip(1).map(|(_, text)| text.as_str()).collect();
    assert_eq!(last, ["api/turnon/3", "api/getnodestatus/3"]);
}

#[test]
fn a_switch_whose_board_says_nothing_is_unknown_and_was_sent_once() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.run_until(100);
    let silence: Vec<&[u64]> = vec![&[]; 20];
    scene.weather(&silence);
    scene.poller.switch(ms(100), 3, true).unwrap();
    scene.run_until(20_000);
    assert_eq!(scene.outcomes(), [SwitchOutcome::Unknown { seen: None }]);
    assert_eq!(scene.sent_of("api/turnon/3"), 1, "never repeated blindly");
    assert_eq!(scene.sent_of("api/getnodestatus/3"), 4);
}

#[test]
fn a_switch_that_was_seen_to_have_had_no_effect_is_sent_once_more() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.run_until(100);
    scene.requests_lost.extend([true]);
    scene.poller.switch(ms(100), 3, true).unwrap();
    scene.run_until(3000);
    assert_eq!(scene.outcomes(), [SwitchOutcome::Confirmed]);
    assert_eq!((scene.sent_of("api/turnon/3"), scene.sent_of("api/getnodestatus/3")), (2, 3));
}

#[test]
fn a_node_that_does_not_follow_is_unknown_with_what_was_seen() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.run_until(100);
    scene.board.stuck = true;
    scene.poller.switch(ms(100), 3, true).unwrap();
    scene.run_until(5000);
    assert_eq!(scene.outcomes(), [SwitchOutcome::Unknown { seen: Some(false) }]);
    assert_eq!((scene.sent_of("api/turnon/3"), scene.sent_of("api/getnodestatus/3")), (2, 4));
}

#[test]
fn a_copy_of_a_polled_status_confirms_nothing() {
    let mut scene = Scene::new(&[HemQuantity::NodeStatus]);
    scene.run_until(100);
    // The node is on at the board and was off when it was polled. The order to turn it off is lost, and a copy of the polled
    // answer comes just when the read-back is awaited.
    scene.board.on[3] = true;
    let copy = Reply { quantity: HemQuantity::NodeStatus, nodes: Nodes::All, values: [Some(0.0); NODES] };
    scene.requests_lost.extend([true]);
    scene.weather(&[&[], &[200]]);
    scene.poller.switch(ms(100), 3, false).unwrap();
    scene.run_until(360);
    scene.poller.receive(ms(360), copy.to_text().as_bytes());
    scene.run_until(380);
    assert_eq!(scene.outcomes(), [], "the read-back of the node itself is waited for");
}

/// SplitMix64: the same weather in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[test]
fn in_any_weather_every_switch_ends_and_none_is_claimed_that_did_not_happen() {
    let mut confirmed = 0;
    for seed in 0..300 {
        let mut chance = Chance(seed);
        let mut scene = Scene::new(&[HemQuantity::DcPower, HemQuantity::NodeStatus]);
        for _ in 0..1000 {
            // Lost one time in five, doubled one in five, and each copy up to 450 ms on its way.
            let copies = [0, 1, 1, 1, 2][chance.below(5) as usize];
            scene.weather.push_back((0..copies).map(|_| chance.below(450)).collect());
            scene.requests_lost.push_back(chance.below(10) == 0);
        }
        for turn in 0..10 {
            let (at, node, on) = (1000 + turn * 6000, chance.below(8) as u8, chance.below(2) == 1);
            scene.run_until(at);
            let before = scene.outcomes().len();
            scene.poller.switch(ms(at), node, on).unwrap();
            scene.run_until(at + 5900);
            let ended = scene.outcomes().split_off(before);
            assert_eq!(ended.len(), 1, "seed {seed}, turn {turn}");
            if ended[0] == SwitchOutcome::Confirmed {
                assert_eq!(scene.board.on[usize::from(node)], on, "seed {seed}, turn {turn}");
                confirmed += 1;
            }
        }
    }
    assert!(confirmed > 2000, "{confirmed} of 3000 were confirmed");
}

#[test]
fn switches_wait_in_a_queue_with_an_end() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.run_until(100);
    for turn in 0..super::poll::SWITCHES {
        assert!(scene.poller.switch(ms(100), (turn % NODES) as u8, true).is_some());
    }
    assert_eq!(scene.poller.switch(ms(100), 0, false), None);
    scene.run_until(5000);
    assert_eq!(scene.outcomes(), [SwitchOutcome::Confirmed; super::poll::SWITCHES]);
}

#[test]
fn what_a_board_answers_is_found_out_through_losses() {
    let mut scene = Scene::new(&[HemQuantity::DcPower]);
    scene.board.knows = vec![HemQuantity::DcPower, HemQuantity::DcVoltage, HemQuantity::NodeStatus];
    let mut discovery = Discovery::new(&PollSettings::default(), Duration::ZERO);
    std::mem::swap(discovery.poller(), &mut scene.poller);
    // The first two questions for the power are lost.
    scene.weather(&[&[], &[]]);
    let mut found = None;
    for _ in 0..10_000 {
        let next = scene.flying.iter().map(|(at, _)| *at).chain([scene.poller.deadline()]).min().unwrap();
        scene.now = next.max(scene.now);
        let now = scene.now;
        let (arrived, flying) = std::mem::take(&mut scene.flying).into_iter().partition(|(at, _)| *at <= now);
        scene.flying = flying;
        arrived.iter().for_each(|(_, bytes): &(Duration, Vec<u8>)| scene.poller.receive(now, bytes));
        scene.poller.handle_timeout(now);
        while let Some(request) = scene.poller.transmit(now) {
            scene.carry(request);
        }
        std::mem::swap(discovery.poller(), &mut scene.poller);
        found = discovery.found();
        std::mem::swap(discovery.poller(), &mut scene.poller);
        if found.is_some() {
            break;
        }
    }
    let found: Vec<HemQuantity> = found.unwrap().into_iter().map(|(quantity, _)| quantity).collect();
    assert_eq!(found, scene.board.knows);
}

#[test]
fn settings_that_fit_nothing_are_refused_by_name() {
    let refused = |change: fn(&mut PollSettings)| {
        let mut settings = PollSettings::default();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    };
    assert!(refused(|s| s.quantities.clear()).contains("quantities is empty"));
    assert!(refused(|s| s.every = ms(50)).contains("every is 50ms, expected 100ms to 1h"));
    assert!(refused(|s| s.timeout = ms(1500)).contains("timeout is 1500ms"));
    assert!(refused(|s| s.tries = 0).contains("tries"));
}
