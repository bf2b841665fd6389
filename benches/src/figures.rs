//! Prints the figures of the store.

mod store;

fn main() {
    for figure in store::run() {
        println!(
            "{:50} {:10.3} {} ({} is better, target {})",
            figure.name, figure.value, figure.unit, figure.better, figure.target
        );
    }
}
