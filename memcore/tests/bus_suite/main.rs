//! The behaviour of a bus, told once and held by every bus.

mod behaviour;
mod embedded;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
mod network;
#[cfg(feature = "nats")]
mod server;
mod story;

/// Each behaviour becomes one test per bus, on a bus of its own.
macro_rules! every_bus_holds {
    ($($behaviour:ident),* $(,)?) => {
        mod embedded_bus {
            $(#[tokio::test]
            async fn $behaviour() {
                crate::behaviour::$behaviour(&memcore::router::EmbeddedBus::new()).await;
            })*
        }

        #[cfg(feature = "nats")]
        mod nats_bus {
            $(#[tokio::test]
            async fn $behaviour() {
                if let Some(server) = crate::server::Server::start() {
                    crate::behaviour::$behaviour(&server.bus().await).await;
                }
            })*
        }
    };
}

every_bus_holds!(
    every_subscription_sees_every_message_once_and_in_order,
    a_pattern_selects_what_it_says,
    a_slow_viewer_lags_alone_and_knows_what_it_lost,
    commands_and_hellos_outlive_a_flood_of_data,
    a_viewer_that_reads_no_commands_is_cut_off,
    a_recorder_commits_in_groups,
    what_is_given_back_or_dropped_comes_again,
    a_poison_message_is_set_aside_after_five_tries,
    a_message_sent_again_arrives_once,
    giving_up_on_next_loses_nothing,
    closing_hands_out_what_is_held_and_accepts_nothing_more,
    a_dropped_subscription_is_gone,
    one_recorder_of_a_name_at_a_time,
    a_queue_without_room_is_refused,
    what_is_only_shown_reaches_viewers_who_ask_for_it_and_no_recorder,
);
