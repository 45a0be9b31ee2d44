//! What every provider must do: one suite, run over each of them.
//!
//! A provider joins by a line at the end of this file: its name, and what makes its [`bench::Bench`].

mod bench;
mod browsers;
mod killed;
mod suite;

/// The suite, given to a macro.
macro_rules! suite {
    ($of:ident, $($what:tt)+) => {
        $of!($($what)+, [
            suite::it_works_at_all,
            suite::preparing_again_changes_nothing,
            suite::creating_again_returns_the_same,
            suite::creating_twice_at_once_makes_one,
            suite::creating_after_a_cut_makes_one,
            suite::calls_that_were_cut_off_can_be_made_again,
            suite::another_generation_conflicts,
            suite::another_spec_conflicts,
            suite::a_restart_keeps_files_and_address,
            suite::stopping_again_is_fine,
            suite::reconnecting_again_keeps_what_runs,
            suite::destroying_takes_the_files_too,
            suite::seats_have_addresses_of_their_own,
            suite::lists_tell_what_is_there,
            suite::a_workshop_goes_with_all_its_seats,
            suite::changes_are_hinted,
            browsers::a_seat_has_no_browser_until_it_is_asked_for,
            browsers::a_browser_is_brought_to_every_state_from_every_other,
            browsers::setting_a_browser_again_keeps_it,
            browsers::a_browser_belongs_to_one_start_of_its_seat,
            browsers::a_browser_goes_with_its_seat,
            browsers::browser_calls_that_were_cut_off_can_be_made_again,
        ]);
    };
}

/// Runs every test of the suite over one provider.
macro_rules! conforms {
    ($provider:ident, $bench:expr, [$($part:ident::$test:ident),+ $(,)?]) => {
        mod $provider {
            $(
                #[tokio::test]
                async fn $test() {
                    let bench = $bench.await;
                    super::bench::with_workshop(bench, async |room| super::$part::$test(room).await).await;
                }
            )+
        }
    };
}

/// Runs the suite over one more kind of seats of a provider, one test after the other: some of them, or with
/// `./x test --all` every one.
macro_rules! conforms_as_well {
    ($provider:ident, $bench:expr, $some:expr, [$($part:ident::$test:ident),+ $(,)?]) => {
        #[tokio::test]
        async fn $provider() {
            $(
                if super::scenes::runs_all() || $some.contains(&stringify!($test)) {
                    eprintln!("{}", stringify!($test));
                    let bench = $bench.await;
                    bench::with_workshop(bench, async |room| $part::$test(room).await).await;
                }
            )+
        }
    };
}

suite!(conforms, simulated, super::bench::simulated_bench());
suite!(conforms, docker, super::bench::docker_bench());

const OF_PUBLISHED_PORTS: [&str; 6] = [
    "it_works_at_all",
    "calls_that_were_cut_off_can_be_made_again",
    "a_restart_keeps_files_and_address",
    "reconnecting_again_keeps_what_runs",
    "a_workshop_goes_with_all_its_seats",
    "a_browser_belongs_to_one_start_of_its_seat",
];
suite!(
    conforms_as_well,
    docker_published,
    bench::published_bench(),
    OF_PUBLISHED_PORTS
);
