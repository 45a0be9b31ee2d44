//! What every provider must do: one suite, run over each of them.
//!
//! A provider joins by a line at the end of this file: its name, and what makes its [`bench::Bench`].

mod bench;
mod killed;
mod suite;

/// Runs every test of the suite over one provider.
macro_rules! conforms {
    ($provider:ident, $bench:expr, [$($test:ident),+ $(,)?]) => {
        mod $provider {
            $(
                #[tokio::test]
                async fn $test() {
                    let bench = $bench.await;
                    super::bench::with_workshop(bench, async |room| super::suite::$test(room).await).await;
                }
            )+
        }
    };
    ($provider:ident, $bench:expr) => {
        conforms!($provider, $bench, [
            it_works_at_all,
            preparing_again_changes_nothing,
            creating_again_returns_the_same,
            creating_twice_at_once_makes_one,
            creating_after_a_cut_makes_one,
            calls_that_were_cut_off_can_be_made_again,
            another_generation_conflicts,
            another_spec_conflicts,
            a_restart_keeps_files_and_address,
            stopping_again_is_fine,
            destroying_takes_the_files_too,
            seats_have_addresses_of_their_own,
            lists_tell_what_is_there,
            a_workshop_goes_with_all_its_seats,
            changes_are_hinted,
        ]);
    };
}

conforms!(simulated, super::bench::simulated_bench());
conforms!(docker, super::bench::docker_bench());
