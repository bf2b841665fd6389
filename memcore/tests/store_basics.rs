//! Opening, registering, writing, acknowledging, closing: the rules that the gateway and people build on.

mod store_support;

use std::sync::Arc;

use memcore::ErrorKind;
use memcore::model::{Channel, Kind, Quantity, Span, Unit};
use memcore::store::{Query, SimulatedDisk, Store, StoreOptions, SyncPolicy};
use store_support::*;

fn options() -> StoreOptions {
    StoreOptions::default()
}

fn pv(store: &Store) {
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
}

fn all() -> Query {
    Query::new(pattern("home1.pv.power"))
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site/store");
    for sync in [SyncPolicy::Each, SyncPolicy::Os, SyncPolicy::Interval(std::time::Duration::from_millis(5))] {
        let store = Store::open(&path, options().sync(sync)).unwrap();
        pv(&store);
        store.write(&power("home1.pv", &[(1, 1.5)])).unwrap();
        store.close().unwrap();
        let store = Store::open(&path, options()).unwrap();
        assert_eq!(rows(&store, all()), [(1, 1.5)]);
        store.seal().unwrap();
        drop(store);
        let store = Store::open_read_only(&path, options()).unwrap();
        assert_eq!(rows(&store, all()), [(1, 1.5)]);
        assert!(store.verify().unwrap().is_sound());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn one_writer_at_a_time_and_readers_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options().seal_rows(10)).unwrap();
    pv(&store);
    let refused = Store::open(folder.path(), options()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.message().contains(&folder.path().display().to_string()), "{refused}");

    store.write(&power("home1.pv", &[(1, 1.0)])).unwrap();
    let reader = Store::open_read_only(folder.path(), options()).unwrap();
    assert_eq!(rows(&reader, all()), [(1, 1.0)]);
    let e = reader.write(&power("home1.pv", &[(2, 2.0)])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::ReadOnly);
    (2..40).for_each(|second| store.write(&power("home1.pv", &[(second, 2.0)])).unwrap());
    reader.refresh().unwrap();
    assert_eq!(rows(&reader, all()).len(), 39);
    store.close().unwrap();
    Store::open(folder.path(), options()).unwrap();
}

#[test]
fn a_reader_sees_a_prefix_while_the_writer_seals() {
    let folder = tempfile::tempdir().unwrap();
    let small = || options().seal_rows(20).segment_bytes(4096).log_bytes(8192).sync(SyncPolicy::Os);
    let store = Store::open(folder.path(), small()).unwrap();
    pv(&store);
    let reader = Store::open_read_only(folder.path(), small()).unwrap();
    let writer = std::thread::spawn(move || {
        (0..3000).for_each(|second| store.write(&power("home1.pv", &[(second, second as f64)])).unwrap());
        store
    });
    let mut seen = 0;
    while !writer.is_finished() {
        reader.refresh().unwrap();
        let result = reader.query(&all()).unwrap();
        let times = result.series()[0].times().values().to_vec();
        assert!(times.len() >= seen && times.iter().enumerate().all(|(at, time)| *time == at as i64 * 1_000_000));
        seen = times.len();
    }
    let store = writer.join().unwrap();
    assert_eq!(rows(&store, all()).len(), 3000);
    assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify().unwrap());
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.tex"), "important").unwrap();
    let e = Store::open(folder.path(), options()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Invalid);
    assert!(e.message().contains("thesis.tex"), "{e}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = folder.path().join("nowhere");
    assert_eq!(Store::open_read_only(&nowhere, options()).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!nowhere.exists());
}

#[test]
fn data_for_an_unregistered_channel_are_refused_by_name_and_nothing_of_them_is_taken() {
    let store = Store::in_memory(options());
    let e = store.write(&power("home1.pv", &[(1, 1.0)])).unwrap_err();
    assert_eq!(e.message(), "device home1.pv is not registered: data for it is refused");
    store.register(&device("home1.pv"), &watts(&["voltage"])).unwrap();
    let e = store.write(&power("home1.pv", &[(1, 1.0)])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
    assert_eq!(e.message(), "channel home1.pv.power is not registered: data for it is refused");
    assert_eq!(store.stats().points(), 0);
}

#[test]
fn a_channel_may_change_how_it_is_read_but_not_what_it_means() {
    let disk = SimulatedDisk::new();
    let open = || Store::open_on(Arc::new(disk.clone()), "disk", options()).unwrap();
    let store = open();
    let channel = || Channel::gauge("power", Unit::Watt).unwrap();
    store.register(&device("home1.pv"), &[channel().build().unwrap()]).unwrap();
    let faster = channel().cadence(Span::from_seconds(1)).writable().build().unwrap();
    store.register(&device("home1.pv"), std::slice::from_ref(&faster)).unwrap();
    let counter = Channel::of("power", Quantity::Power, Unit::Watt).unwrap().kind(Kind::Counter).build().unwrap();
    assert_eq!(store.register(&device("home1.pv"), &[counter]).unwrap_err().kind(), ErrorKind::Conflict);
    drop(store);
    assert_eq!(open().channel(&"home1.pv.power".parse().unwrap()), Some(faster));
}

#[test]
fn a_device_that_invents_channels_is_capped_and_others_are_not() {
    let store = Store::in_memory(options().max_channels_per_device(10));
    let many: Vec<String> = (0..11).map(|n| format!("c{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let e = store.register(&device("home1.pv"), &watts(&many)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::LimitReached);
    assert!(store.channels(pattern(">")).is_empty(), "none of them is registered");
    store.register(&device("home1.pv"), &watts(&many[..10])).unwrap();
    store.register(&device("home2.pv"), &watts(&["power"])).unwrap();
    assert_eq!(store.register(&device("home1.pv"), &watts(&["one-more"])).unwrap_err().kind(), ErrorKind::LimitReached);
}

#[test]
fn a_device_that_invents_a_million_channels_is_stopped_at_its_quota_and_nobody_else_notices() {
    let store = Store::in_memory(options().max_channels_per_device(100).max_devices(3));
    let invented = |n: usize| Channel::gauge(&format!("c{n}"), Unit::Watt).unwrap().build().unwrap();
    let million: Vec<Channel> = (0..1_000_000).map(invented).collect();
    let liar = device("home1.liar");
    assert_eq!(store.register(&liar, &million).unwrap_err().kind(), ErrorKind::LimitReached);
    // One by one it gets no further than that, and leaves nothing behind.
    let taken = million.iter().take_while(|channel| store.register(&liar, std::slice::from_ref(channel)).is_ok()).count();
    let before = store.stats();
    for channel in &million[..10_000] {
        let again = store.register(&liar, std::slice::from_ref(channel));
        assert_eq!(again.is_ok(), million[..100].contains(channel));
    }
    assert_eq!((taken, store.stats()), (100, before));

    store.register(&device("home2.pv"), &watts(&["power"])).unwrap();
    store.write(&power("home2.pv", &[(1, 1.0)])).unwrap();
    store.register(&device("home3.pv"), &watts(&["power"])).unwrap();
    let e = store.register(&device("home4.pv"), &watts(&["power"])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::LimitReached);
    assert!(e.message().contains("home4.pv") && e.message().contains("3 that may be registered"), "{e}");
    store.register(&device("home2.pv"), &watts(&["voltage"])).unwrap();
    assert_eq!((store.stats().devices, store.stats().series), (3, 103));
}

#[test]
fn a_repeated_batch_is_acknowledged_and_stored_once() {
    let disk = SimulatedDisk::new();
    let open = || Store::open_on(Arc::new(disk.clone()), "disk", options().seal_rows(4).segment_bytes(4096)).unwrap();
    let store = open();
    pv(&store);
    for sequence in 1..=9 {
        store.write(&numbered(power("home1.pv", &[(sequence, 1.0)]), 77, sequence as u64)).unwrap();
    }
    store.write(&numbered(power("home1.pv", &[(3, 9.0)]), 77, 3)).unwrap();
    assert_eq!((rows(&store, all())[2], store.stats().repeated_batches), ((3, 1.0), 1));
    let pv = device("home1.pv");
    assert_eq!((store.durable_sequence(&pv, 77), store.durable_sequence(&pv, 78)), (9, 0));
    store.seal().unwrap();
    store.close().unwrap();
    let store = open();
    assert_eq!(store.durable_sequence(&pv, 77), 9, "it outlives the log");
    store.write(&numbered(power("home1.pv", &[(3, 9.0)]), 77, 9)).unwrap();
    store.write(&numbered(power("home1.pv", &[(20, 2.0)]), 78, 1)).unwrap();
    assert_eq!(rows(&store, all()).len(), 10);
    assert_eq!((store.durable_sequence(&pv, 77), store.durable_sequence(&pv, 78)), (9, 1));
}

#[test]
fn nothing_is_acknowledged_before_the_disk_has_it() {
    let disk = SimulatedDisk::forgetful();
    let store = Store::open_on(Arc::new(disk.clone()), "disk", options()).unwrap();
    pv(&store);
    let ticket = store.append(&numbered(power("home1.pv", &[(1, 1.0)]), 5, 1)).unwrap();
    assert_eq!(rows(&store, all()), [(1, 1.0)], "queries see it at once");
    assert_eq!(store.durable_sequence(&device("home1.pv"), 5), 0);
    store.commit(ticket).unwrap();
    assert_eq!(store.durable_sequence(&device("home1.pv"), 5), 1);
}

#[test]
fn one_sync_serves_all_that_wait() {
    let disk = SimulatedDisk::forgetful();
    let store = Store::open_on(Arc::new(disk.clone()), "disk", options()).unwrap();
    pv(&store);
    let tickets: Vec<_> = (0..100).map(|second| store.append(&power("home1.pv", &[(second, 1.0)])).unwrap()).collect();
    let (_, before) = disk.operations();
    std::thread::scope(|scope| {
        for part in tickets.chunks(25) {
            let store = &store;
            scope.spawn(move || part.iter().for_each(|ticket| store.commit(*ticket).unwrap()));
        }
    });
    assert_eq!(disk.operations().1 - before, 1);
}

#[test]
fn a_log_that_sealing_does_not_keep_up_with_holds_appending_back() {
    let store = Store::in_memory(StoreOptions::default().log_bytes(64 << 10).segment_bytes(8 << 10));
    let homes: Vec<String> = (0..300).map(|home| format!("home{home}.pv")).collect();
    homes.iter().for_each(|home| store.register(&device(home), &watts(&["power"])).unwrap());
    for second in 0..40 {
        for home in &homes {
            store.write(&power(home, &[(second, 1.0)])).unwrap();
            let log = store.stats().log_bytes;
            assert!(log <= (2 * 64 + 3 * 8) << 10, "{log} bytes of log");
        }
    }
    assert_eq!(store.stats().points(), 300 * 40);
}

#[test]
fn what_a_log_has_reserved_is_given_back_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    pv(&store);
    store.write(&power("home1.pv", &[(1, 1.0)])).unwrap();
    store.close().unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("log-"));
    let sizes: Vec<u64> = logs.map(|file| file.metadata().unwrap().len()).collect();
    assert!(sizes.len() == 1 && sizes[0] < 200, "{sizes:?}");
    let store = Store::open(folder.path(), options()).unwrap();
    assert_eq!(rows(&store, all()), [(1, 1.0)]);
}

#[test]
fn closing_twice_is_fine_and_everything_else_says_closed() {
    let store = Store::in_memory(options());
    pv(&store);
    store.write(&power("home1.pv", &[(1, 1.0)])).unwrap();
    store.close().unwrap();
    store.close().unwrap();
    assert_eq!(store.write(&power("home1.pv", &[(1, 1.0)])).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(store.query(&all()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(store.register(&device("home1.pv"), &watts(&["power"])).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn many_devices_with_few_rows_do_not_hold_the_log_for_ever() {
    let disk = SimulatedDisk::new();
    let store = Store::open_on(Arc::new(disk.clone()), "disk", options().segment_bytes(4096).log_bytes(16_384)).unwrap();
    let devices: Vec<String> = (0..50).map(|n| format!("home{n}.pv")).collect();
    devices.iter().for_each(|name| store.register(&device(name), &watts(&["power"])).unwrap());
    for second in 0..400 {
        for name in &devices {
            store.append(&power(name, &[(second, second as f64)])).unwrap();
        }
        store.sync().unwrap();
    }
    store.seal().unwrap();
    let stats = store.stats();
    assert!(stats.log_bytes < 200_000, "{stats:?}");
    assert!(stats.chunks < 50 * 12, "small chunks are merged: {stats:?}");
    assert_eq!(rows(&store, Query::new(pattern("*.pv.power"))).len(), 20_000);
    store.close().unwrap();
    let store = Store::open_on(Arc::new(disk), "disk", options()).unwrap();
    assert_eq!(rows(&store, Query::new(pattern("*.pv.power"))).len(), 20_000);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_store_in_memory_keeps_its_log_short() {
    let store = Store::in_memory(options());
    let channels = ["a", "b", "c", "d"];
    store.register(&device("home1.pv"), &watts(&channels)).unwrap();
    let list = names(&channels);
    for start in 0..500 {
        let times = (start * 1000..(start + 1) * 1000).map(at).collect();
        let values = (0..4000).map(|n| Some(f64::from(n % 97))).collect();
        store.write(&memcore::model::Batch::new(device("home1.pv"), list.clone(), times, values).unwrap()).unwrap();
    }
    store.seal().unwrap();
    let stats = store.stats();
    assert!(stats.log_bytes < 12 << 20, "{stats:?}");
    assert_eq!((stats.points(), stats.unsealed_points), (2_000_000, 0));
    assert_eq!(
        store.query(&Query::new(pattern("home1.pv.a")).last(1)).unwrap().series()[0].times().value(0),
        499_999_000_000
    );
}

/// Closing takes the work out of the hands of the thread that seals; that is no failure of the disk.
#[test]
fn a_store_that_is_closed_at_work_has_not_failed() {
    for round in 0..100 {
        let disk = SimulatedDisk::default();
        let options = StoreOptions::default().seal_rows(16).segment_bytes(4096).log_bytes(8192);
        let store = Store::open_on(Arc::new(disk.clone()), "simulated", options).unwrap();
        store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
        (0..200 + round).for_each(|time| store.write(&power("home1.pv", &[(time, 1.0)])).unwrap());
        store.close().unwrap();
        assert_eq!(store.stats().read_only, None, "round {round}");
        drop(store);
        // Whoever opens it has no full head to replay.
        let store = Store::open_read_only_on(Arc::new(disk), "simulated", StoreOptions::default()).unwrap();
        assert!(store.stats().unsealed_points < 16, "{:?}", store.stats());
    }
}

#[test]
fn sizes_are_told_a_series() {
    let store = Store::in_memory(options().seal_rows(100));
    pv(&store);
    (0..250).for_each(|second| store.write(&power("home1.pv", &[(second, second as f64)])).unwrap());
    let (series, stats) = store.series_stats(pattern("home1.>")).unwrap().remove(0);
    assert_eq!(series.to_string(), "home1.pv.power");
    assert_eq!((stats.points, stats.first, stats.last), (250, Some(at(0)), Some(at(249))));
    assert_eq!(store.stats().points(), 250);

    // Of several channels each has its share of the times that they have in common.
    store.register(&device("home2.hem"), &watts(&["a", "b", "c"])).unwrap();
    let rows: Vec<f64> = (0..3000).map(f64::from).map(f64::sqrt).collect();
    let times = (0..1000).map(|row| at(row * row)).collect();
    let values = rows.into_iter().map(Some).collect();
    let batch = memcore::model::Batch::new(device("home2.hem"), names(&["a", "b", "c"]), times, values).unwrap();
    store.write(&batch).unwrap();
    store.seal().unwrap();
    let bytes: u64 = store.series_stats(pattern(">")).unwrap().iter().map(|(_, stats)| stats.bytes).sum();
    let held = store.stats().chunk_bytes;
    assert!((held - 20..=held).contains(&bytes), "{bytes} of {held} bytes");
    let stats = store.stats();
    assert!(stats.manifest_bytes > 0 && stats.disk_bytes >= stats.chunk_bytes + stats.manifest_bytes + stats.log_bytes);
}

#[test]
fn a_street_that_registers_at_once_is_told_one_by_one_what_became_of_it() {
    let disk = SimulatedDisk::new();
    let options = || {
        let mut options = StoreOptions::default();
        options.max_devices = 40;
        options
    };
    let store = Store::open_on(Arc::new(disk.clone()), "street", options()).unwrap();
    let start = std::sync::Barrier::new(64);
    let registered = std::thread::scope(|scope| {
        let homes: Vec<_> = (0..64)
            .map(|home| {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    // Two threads each speak for half of the devices, with channels of their own.
                    let channels = if home < 32 { watts(&["power"]) } else { watts(&["power", "reactive"]) };
                    store.register(&device(&format!("home{}.pv", home % 48)), &channels)
                })
            })
            .collect();
        homes.into_iter().map(|home| home.join().unwrap()).collect::<Vec<_>>()
    });
    let refused = registered.iter().filter_map(|registered| registered.as_ref().err());
    assert!(refused.clone().count() >= 8, "48 devices, and room for 40");
    assert!(refused.into_iter().all(|e| e.kind() == ErrorKind::LimitReached && e.message().contains("more than the 40")));
    drop(store);

    let store = Store::open_on(Arc::new(disk.clone()), "street", options()).unwrap();
    let devices: std::collections::BTreeSet<_> =
        store.channels(memcore::model::Pattern::all()).into_iter().map(|(series, _)| series.device).collect();
    assert_eq!(devices.len(), 40);
    for (home, registered) in registered.iter().enumerate() {
        let name = device(&format!("home{}.pv", home % 48));
        assert_eq!(registered.is_ok(), devices.contains(&name), "home{home}");
        let reactive: memcore::model::SeriesName = format!("home{}.pv.reactive", home % 48).parse().unwrap();
        assert_eq!(
            store.channel(&reactive).is_some(),
            devices.contains(&name) && (home % 48 >= 32 || home % 48 < 16),
            "home{home}"
        );
    }
}
