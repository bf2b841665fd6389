//! HEM boards, the whole way over UDP: an emulated board behind a bad network, polled by the SDK's adapter and by a server, and
//! an app of old that is answered by memcore.
#![cfg(all(feature = "gateway", feature = "adapters", feature = "sim"))]

#[path = "common/child.rs"]
mod child;
#[path = "common/until.rs"]
mod until;
#[path = "common/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use child::Running;
use memcore::adapters::hem::{
    BoardOptions, BoardState, EndpointOptions, HemBoard, HemQuantity, NODES, Nodes, Reply, Request,
};
use memcore::model::{CommandState, DeviceName, Pattern, Span};
use memcore::{
    CommandRequest, Config, EmulatorOptions, ErrorKind, HemEmulator, ProofKind, Query, Server, ServerHandle, serve,
};
use tokio::net::UdpSocket;
use until::until;
use wire::{Weather, Wire};

const STEP: Span = Span::from_millis(100);

fn config(folder: &Path, keys: &str) -> Config {
    let file = folder.join("memcore.toml");
    std::fs::write(&file, keys).unwrap();
    let site = folder.join("site").display().to_string();
    let flags = [("path", format!("{site:?}")), ("gateway.listen", "127.0.0.1:0".to_owned())];
    Config::load(Some(&file), [], &flags).unwrap()
}

async fn emulator() -> HemEmulator {
    let mut options = EmulatorOptions::default();
    (options.listen, options.step) = ("127.0.0.1:0".parse().unwrap(), STEP);
    HemEmulator::start(options).await.unwrap()
}

fn hem() -> DeviceName {
    "home1.hem".parse().unwrap()
}

fn values(server: &Server, series: &str) -> Vec<f64> {
    let result = server.memcore().query(&Query::new(series.parse::<Pattern>().unwrap()));
    result.map_or(Vec::new(), |result| {
        result.series().iter().flat_map(|series| series.values().unwrap().values().to_vec()).collect()
    })
}

/// One who asks as an app does: one datagram out, one in; none where nothing comes in a second.
struct App(UdpSocket);

impl App {
    async fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(address).await.unwrap();
        Self(socket)
    }

    async fn ask(&self, request: &str) -> Option<Reply> {
        let mut buffer = [0; 256];
        // What came too late for the question before is not the answer to this one.
        while self.0.try_recv(&mut buffer).is_ok() {}
        self.0.send(request.as_bytes()).await.unwrap();
        let received = tokio::time::timeout(Duration::from_secs(1), self.0.recv(&mut buffer)).await;
        received.ok().map(|length| Reply::parse(&buffer[..length.unwrap()]).expect("a whole reply within 256 bytes"))
    }

    /// Asks until it is answered, as an app that polls.
    async fn ask_on(&self, request: &str) -> Reply {
        for _ in 0..30 {
            if let Some(reply) = self.ask(request).await {
                return reply;
            }
        }
        panic!("{request} was never answered");
    }
}

async fn switch(handle: &ServerHandle, node: u8, on: f64) -> CommandState {
    let target = format!("home1.hem.node{node}.switch").parse().unwrap();
    handle.command(CommandRequest::new(target, on)).unwrap().finished().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emulated_board_answers_as_a_board_does() {
    let board = emulator().await;
    let app = App::at(board.address()).await;
    let reply = app.ask_on("api/getdcpower/all").await;
    assert!(reply.answers(Request::Read(HemQuantity::DcPower, Nodes::All)));
    assert_eq!(reply.values.iter().flatten().count(), NODES);
    let voltage = app.ask_on("/api/getdcvoltage/3").await;
    assert!(voltage.nodes == Nodes::One(3) && (15.6..=17.8).contains(&voltage.values[3].unwrap()), "{voltage:?}");
    for on in [0.0, 1.0] {
        let verb = if on == 1.0 { "turnon" } else { "turnoff" };
        assert_eq!(app.ask_on(&format!("api/{verb}/3")).await.values[3], Some(on));
        assert_eq!(app.ask_on("api/getnodestatus/all").await.values[3], Some(on));
    }
    assert_eq!(app.ask("api/getacvoltage/all").await, None, "it is a DC board");
    assert_eq!(app.ask("ack").await, None, "some apps acknowledge replies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_behind_a_bad_network_is_a_device_whose_switches_are_never_claimed_wrongly() {
    let (folder, board) = (tempfile::tempdir().unwrap(), emulator().await);
    let weather = Weather { lost: 10, doubled: 15, delay: 60, trailing: b"\0\0\xffrubbish}" };
    let wire = Wire::to(board.address(), weather).await;
    let server = serve(config(folder.path(), "")).await.unwrap();
    let bundle = server.handle().enroll(&hem(), ProofKind::Secret).unwrap();
    let options = BoardOptions::new(&wire.address.to_string(), bundle).every(Span::from_millis(600));
    let polled = HemBoard::connect(options).await.unwrap();
    assert_eq!(polled.state(), BoardState::Answering);

    let direct = App::at(board.address()).await;
    let mut confirmed = 0;
    for turn in 0..8u8 {
        let on = f64::from(turn % 2);
        match switch(&server.handle(), turn % 4, on).await {
            CommandState::Done { read_back } => {
                assert_eq!(read_back, Some(on));
                assert_eq!(direct.ask_on("api/getnodestatus/all").await.values[usize::from(turn % 4)], Some(on));
                confirmed += 1;
            }
            state => assert_eq!(state, CommandState::UNKNOWN),
        }
    }
    assert!(confirmed > 0, "{:?}", polled.counts());
    until("ten rows", || values(&server, "home1.hem.node0.power").len() >= 10).await;
    assert!(values(&server, "home1.hem.*.voltage").iter().all(|volts| (15.6..=17.8).contains(volts)));
    assert!(values(&server, "home1.hem.node0.ac_power").is_empty());
    let device = polled.device().unwrap();
    assert_eq!(device.rejected(), (0, None));
    polled.close().await;
    assert_eq!(polled.state(), BoardState::Closed);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leased_node_falls_back_at_the_board_when_the_server_is_gone() {
    let (folder, board) = (tempfile::tempdir().unwrap(), emulator().await);
    let server = serve(config(folder.path(), "")).await.unwrap();
    let bundle = server.handle().enroll(&hem(), ProofKind::Secret).unwrap();
    let options = BoardOptions::new(&board.address().to_string(), bundle).every(Span::from_millis(200));
    let polled = HemBoard::connect(options).await.unwrap();
    let request = CommandRequest::new("home1.hem.node2.switch".parse().unwrap(), 1.0).lease(Span::from_seconds(5), 0.0);
    let state = server.handle().command(request).unwrap().finished().await;
    assert_eq!(state, CommandState::Done { read_back: Some(1.0) });
    server.shutdown().await.unwrap();

    let app = App::at(board.address()).await;
    assert_eq!(app.ask_on("api/getnodestatus/2").await.values[2], Some(1.0), "the lease holds without the server");
    for _ in 0..600 {
        if app.ask_on("api/getnodestatus/2").await.values[2] == Some(0.0) {
            return polled.close().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the node never fell back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_of_old_runs_unchanged_against_memcore() {
    let (folder, board) = (tempfile::tempdir().unwrap(), emulator().await);
    let keys = format!(
        "[[hem.boards]]\naddress = \"{}\"\ndevice = \"home1.hem\"\nevery = \"200ms\"\n[hem.serve]\ndevice = \"home1.hem\"\n\
         listen = \"127.0.0.1:0\"",
        board.address()
    );
    let server = serve(config(folder.path(), &keys)).await.unwrap();
    let address = server.hem_address().expect("the endpoint of the configuration");
    let app = App::at(address).await;
    let before: f64 = app.ask_on("api/getdcpower/all").await.values.iter().flatten().sum();
    let cap = before / 3.0;

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hem_app.py");
    let said = folder.path().join("said");
    let mut command = Command::new("python3");
    command.arg(script).args([&address.ip().to_string(), &address.port().to_string(), &cap.to_string()]);
    command.stdin(Stdio::null()).stdout(std::fs::File::create(&said).unwrap());
    let mut running = Running(command.spawn().expect("python3 runs the app"));
    let ended = running.ended(Duration::from_secs(120)).await;
    let said = std::fs::read_to_string(&said).unwrap();
    assert!(ended.success(), "{said}");
    let off: Vec<usize> = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["off"].as_u64())
        .map(|node| node as usize)
        .collect();
    assert!(!off.is_empty(), "{said}");

    let status = App::at(board.address()).await.ask_on("api/getnodestatus/all").await;
    assert!(off.iter().all(|node| status.values[*node] == Some(0.0)), "{off:?} are off at the board itself: {status:?}");
    let recorded = format!("home1.hem.node{}.switch", off[0]);
    until("the switch in the history", || values(&server, &recorded).last() == Some(&0.0)).await;
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_silent_while_its_board_is_and_answers_again_afterwards() {
    let (folder, board) = (tempfile::tempdir().unwrap(), emulator().await);
    let wire = Wire::to(board.address(), Weather::default()).await;
    let server = serve(config(folder.path(), "")).await.unwrap();
    let bundle = server.handle().enroll(&hem(), ProofKind::Secret).unwrap();
    let options = BoardOptions::new(&wire.address.to_string(), bundle).every(Span::from_millis(200));
    let polled = HemBoard::connect(options).await.unwrap();
    let options = EndpointOptions { listen: "127.0.0.1:0".parse().unwrap(), ..EndpointOptions::default() };
    let served = server.handle().serve_hem(&hem(), options).await.unwrap();
    let app = App::at(served.address()).await;
    app.ask_on("api/getdcpower/all").await;

    wire.cut(true);
    until("the board is away", || polled.state() == BoardState::Away).await;
    // What was read before is 10 s old at last: nobody acts upon it any more.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(app.ask("api/getdcpower/all").await, None);
    assert_eq!(switch(&server.handle(), 3, 1.0).await, CommandState::UNKNOWN, "an order into the void");

    wire.cut(false);
    app.ask_on("api/getdcpower/all").await;
    assert_eq!(polled.state(), BoardState::Answering);
    polled.close().await;
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_board_keeps_its_identity_across_restarts_and_can_be_revoked() {
    let (folder, board) = (tempfile::tempdir().unwrap(), emulator().await);
    let keys = format!(
        "[[hem.boards]]\naddress = \"{}\"\ndevice = \"home1.hem\"\nevery = \"200ms\"\nquantities = [\"power\"]",
        board.address()
    );
    let server = serve(config(folder.path(), &keys)).await.unwrap();
    until("a row", || !values(&server, "home1.hem.node0.power").is_empty()).await;
    let rows = values(&server, "home1.hem.node0.power").len();
    server.shutdown().await.unwrap();

    let server = serve(config(folder.path(), &keys)).await.unwrap();
    until("more rows", || values(&server, "home1.hem.node0.power").len() > rows).await;
    server.handle().revoke(&hem()).unwrap();
    until("the session ends", || server.handle().devices().iter().all(|device| !device.connected)).await;
    server.shutdown().await.unwrap();

    let server = serve(config(folder.path(), &keys)).await.unwrap();
    let rows = values(&server, "home1.hem.node0.power").len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(values(&server, "home1.hem.node0.power").len(), rows, "a revoked board stays out");
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_cut_off_a_device_or_open_a_door_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(config(folder.path(), "")).await.unwrap();
    server.handle().enroll(&hem(), ProofKind::Secret).unwrap();
    let open = EndpointOptions { listen: "0.0.0.0:0".parse().unwrap(), ..EndpointOptions::default() };
    let e = server.handle().serve_hem(&hem(), open).await.unwrap_err();
    assert!(e.kind() == ErrorKind::Invalid && e.message().contains("allow_network"), "{e}");
    let e = server.handle().serve_hem(&"home9.hem".parse().unwrap(), EndpointOptions::default()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
    server.shutdown().await.unwrap();

    let keys = "[[hem.boards]]\naddress = \"127.0.0.1\"\ndevice = \"home1.hem\"";
    let e = serve(config(folder.path(), keys)).await.unwrap_err();
    assert!(e.kind() == ErrorKind::Conflict && e.message().contains("home1.hem is enrolled already"), "{e}");
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (keys, words) in [
        (
            "[hem.serve]\ndevice = \"home1.hem\"\nlisten = \"0.0.0.0:9931\"",
            &["hem.serve", "0.0.0.0:9931", "allow_network"][..],
        ),
        ("[hem.serve]\nlisten = \"127.0.0.1:9931\"", &["hem.serve", "device"]),
        ("[[hem.boards]]\naddress = \"a\"\ndevice = \"home1.hem\"\nevery = \"1ms\"", &["hem.boards[0]", "every is 1ms"]),
        ("[[hem.boards]]\naddress = \"a\"\ndevice = \"home1.hem\"\nquantities = [\"smell\"]", &["smell", "power, voltage"]),
        ("[[hem.boards]]\naddress = \"a\"\ndevice = \"home1.hem\"\nenergy_unit = \"W\"", &["energy_unit is W"]),
        (
            "[[hem.boards]]\naddress = \"a\"\ndevice = \"home1.hem\"\n[[hem.boards]]\naddress = \"b\"\ndevice = \"home1.hem\"",
            &["hem.boards[1].device", "home1.hem"],
        ),
    ] {
        let file = folder.path().join("memcore.toml");
        std::fs::write(&file, keys).unwrap();
        let message = Config::load(Some(&file), [], &[]).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message:?} should name {words:?}");
    }
}

#[test]
fn a_board_outside_of_a_runtime_of_many_threads_is_refused_with_a_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let e = runtime.block_on(async {
        let server = serve(config(folder.path(), "")).await.unwrap();
        let bundle = server.handle().enroll(&hem(), ProofKind::Secret).unwrap();
        let e = HemBoard::start(BoardOptions::new("127.0.0.1", bundle)).unwrap_err();
        server.shutdown().await.unwrap();
        e
    });
    assert!(e.kind() == ErrorKind::Unsupported && e.message().contains("multi-threaded"), "{e}");
}
